//! Datasets: splits, batches, documents.

use wkv7_tokenizer::Bytes;
use wkv7_train::data::text::Reading;
use wkv7_train::data::{Dataset, Error, Part, Writer, shuffled};

use crate::{folder, write};

/// Documents of `sizes` tokens; all tokens of the stream are numbered.
fn numbered(sizes: &[usize]) -> Vec<Vec<u32>> {
    let mut next = 0;
    sizes.iter().map(|&size| (next..next + size as u32).inspect(|_| next += 1).collect()).collect()
}

fn dataset(sizes: &[usize]) -> Dataset {
    Dataset::from_documents("numbers", numbered(sizes), 1 << 20).expect("sound")
}

#[test]
fn the_last_documents_are_held_out() {
    let split =
        |data: &Dataset, part| data.clone().hold_out(part).expect("in range").range(Part::Training).end;
    let even = dataset(&[10; 100]);
    assert_eq!(even.range(Part::HeldOut), 990..1000); // one percent, by default
    assert_eq!([0.0, 0.01, 0.025, 0.3, 0.5].map(|part| split(&even, part)), [1000, 990, 970, 700, 500]);
    // A long document is cut, a short stream is not.
    assert_eq!(split(&dataset(&[1000]), 0.1), 900);
    assert_eq!(split(&dataset(&[500, 500]), 0.1), 900);
    assert_eq!(
        [&[850, 150], &[950, 50], &[951, 49]].map(|sizes| split(&dataset(sizes), 0.1)),
        [850, 950, 900]
    );
    assert_eq!(split(&dataset(&[3]), 0.01), 3);
    assert_eq!(split(&dataset(&[0, 0, 5, 0, 5, 0]), 0.5), 5);
    assert_eq!(split(&dataset(&[]), 0.1), 0);
    for part in [-0.1, 0.6, f64::NAN, f64::INFINITY] {
        assert!(even.clone().hold_out(part).expect_err("out of range").to_string().contains("held-out part"));
    }
}

#[test]
fn a_pair_and_memory_give_the_same() {
    let folder = folder();
    let documents = numbered(&[7, 0, 30, 1, 62]);
    let mut writer = Writer::create(folder.path().join("t"), 1 << 20).expect("a place");
    documents.iter().for_each(|document| writer.push(document).expect("written"));
    writer.finish().expect("finished");
    let pair =
        Dataset::open(folder.path().join("t"), 1 << 20).expect("sound").hold_out(0.4).expect("in range");
    let memory = Dataset::from_documents("m", documents.clone(), 1 << 20).expect("sound");
    let memory = memory.hold_out(0.4).expect("in range");
    assert_eq!((pair.tokens(), pair.range(Part::HeldOut)), (memory.tokens(), memory.range(Part::HeldOut)));
    for seed in [0, 9] {
        let [pair, memory] = [&pair, &memory].map(|data| data.batches(4, 3, seed).expect("enough"));
        (0..20).for_each(|step| assert_eq!(pair.get(step).expect("read"), memory.get(step).expect("read")));
    }
    let all =
        |data: &Dataset, part| data.documents(part).iter().collect::<Result<Vec<_>, _>>().expect("read");
    for part in [Part::Training, Part::HeldOut] {
        assert_eq!(all(&pair, part), all(&memory, part));
    }
    assert_eq!([all(&pair, Part::Training), all(&pair, Part::HeldOut)].concat(), documents);
    pair.check(&mut |_, _| true).expect("sound");
}

#[test]
fn a_step_is_the_same_whenever_it_is_asked_for() {
    let data = dataset(&[10; 100]).hold_out(0.0).expect("in range");
    let batches = data.batches(16, 4, 0).expect("enough");
    assert_eq!(batches.order().prime(), 59); // 62 slots of 16
    let mut seen = Vec::new();
    for step in 0..59 {
        let batch = batches.get(step).expect("read");
        assert_eq!((batch.rows(), batch.tokens.len(), batch.context), (4, 4 * 17, 16));
        for (fed, follows) in batch.samples() {
            let start = fed[0];
            assert!(start.is_multiple_of(16) && fed.iter().copied().eq(start..start + 16));
            assert!(follows.iter().copied().eq(start + 1..start + 17));
            seen.push(start);
        }
    }
    // The first is slot a * 1^3, a the golden ratio's part of 59; rounds of 59 samples repeat themselves.
    assert_eq!(seen[0], 36 * 16);
    assert_eq!((&seen[..59], &seen[59..118]), (&seen[118..177], &seen[177..]));
    seen[..59].sort_unstable();
    assert!(seen[..59].iter().copied().eq((0..59).map(|slot| slot * 16)));
    let again = data.batches(16, 4, 0).expect("enough");
    assert_eq!(again.get(31).expect("read"), batches.get(31).expect("read"));
    assert_eq!(batches.get(u64::MAX).expect("read").rows(), 4);
}

#[test]
fn another_seed_is_another_order_of_other_cuts() {
    let data = dataset(&[1000]).hold_out(0.0).expect("in range");
    let starts = |seed| -> Vec<u32> {
        let batches = data.batches(16, 1, seed).expect("enough");
        (0..59).map(|step| batches.get(step).expect("read").tokens[0]).collect()
    };
    let (first, second) = (starts(1), starts(2));
    assert!(first != second && first == starts(1) && first != starts(0));
    assert!([first, second].concat().iter().any(|start| !start.is_multiple_of(16)));
}

#[test]
fn held_out_batches_foresee_each_token_once() {
    let data = dataset(&[1000, 103]).hold_out(0.1).expect("in range");
    let held_out = data.held_out(10, 4).expect("sound");
    assert_eq!(held_out.len(), 3); // ten samples
    let batches: Vec<_> = held_out.iter().map(|batch| batch.expect("read")).collect();
    assert_eq!(batches.iter().map(|batch| batch.rows()).collect::<Vec<_>>(), [4, 4, 2]);
    let foreseen: Vec<u32> =
        batches.iter().flat_map(|batch| batch.samples().flat_map(|(_, follows)| follows.to_vec())).collect();
    assert!(foreseen.iter().copied().eq(1001..1101));
    assert!(held_out.get(3).is_err());
    // A part that is shorter than a sample is one shorter sample.
    let long = data.held_out(usize::MAX, 4).expect("sound");
    assert_eq!((long.len(), long.get(0).expect("read").context), (1, 102));
    assert!(data.hold_out(0.0).expect("in range").held_out(10, 4).expect("sound").is_empty());
}

#[test]
fn documents_are_found_by_number() {
    let data = dataset(&[3, 5, 92]).hold_out(0.1).expect("in range");
    let [training, held_out] = [Part::Training, Part::HeldOut].map(|part| data.documents(part));
    assert_eq!((training.len(), held_out.len()), (3, 1));
    assert_eq!(training.get(1).expect("read"), [3, 4, 5, 6, 7]);
    assert!(training.get(2).expect("read").into_iter().eq(8..90) && held_out.get(0).expect("read")[0] == 90);
    assert!(training.get(3).is_err() && !training.is_empty());
    let order = shuffled(20, 1, 0);
    assert!(order == shuffled(20, 1, 0) && order != shuffled(20, 1, 1) && order != shuffled(20, 2, 0));
}

#[test]
fn what_does_not_fit_is_refused() {
    let data = dataset(&[40]).hold_out(0.0).expect("in range");
    let said = data.batches(16, 1, 0).expect_err("two slots").to_string();
    assert!(
        said.contains("training part of numbers: 40 tokens, expected at least 48 for a context of 16"),
        "{said}"
    );
    for (context, batch) in [(0, 1), (4, 0), (4, usize::MAX), (4, 1 << 30)] {
        assert!(matches!(data.batches(context, batch, 0), Err(Error::Setting { .. })), "{context} {batch}");
    }
    assert!(data.held_out(0, 1).is_err() || data.held_out(0, 1).expect("sound").is_empty());
    let said = Dataset::from_documents("few", [vec![1, 2], vec![5]], 5).expect_err("5").to_string();
    assert_eq!(said, "few: token 2 is 5, expected an id below 5");
}

#[test]
fn a_pair_for_another_vocabulary_is_found_out() {
    let folder = folder();
    let mut writer = Writer::create(folder.path().join("t"), 300).expect("a place");
    writer.push(&(0..300).collect::<Vec<u32>>()).expect("written");
    writer.finish().expect("finished");
    let data = Dataset::open(folder.path().join("t"), 256).expect("sound");
    let said = data.check(&mut |_, _| true).expect_err("256").to_string();
    assert!(said.contains("t.bin: token 256 is 256, expected an id below 256"), "{said}");
    let batches = data.batches(16, 32, 0).expect("enough");
    assert!(matches!(batches.get(0), Err(Error::Vocabulary { id: 256.., .. })));
}

#[test]
fn text_goes_straight_into_memory() {
    let folder = folder();
    let paths = [write(&folder, "a.jsonl", "{\"text\":\"ab\"}\n"), write(&folder, "b.txt", "c")];
    let data = Dataset::from_text(&paths, &Reading::default(), &Bytes, 256).expect("sound");
    let mut tokens = Vec::new();
    data.read(0..5, &mut tokens).expect("read");
    assert_eq!(tokens, [97, 98, 0, 99, 0]);
    assert!(data.name().contains("a.jsonl, ") && data.name().ends_with("b.txt"));
    assert!(Dataset::from_text(&paths, &Reading::default(), &Bytes, 98).is_err());
    assert!(data.read(0..6, &mut tokens).is_err());
}
