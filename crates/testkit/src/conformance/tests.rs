//! The suite holds on the reference, and notices backends that are wrong.

use wkv7_core::{
    Backend, Batch, Dtype, Error, LoadOptions, Model, ModelInfo, Outputs, Reference, Slot, Slots, State,
    Step, Weights,
};

use super::*;

#[test]
fn the_reference_conforms() {
    let report = conformance(&Reference).run();
    assert!(report.passed(), "{report}");
    // It judges itself, so that every figure is zero.
    assert_eq!(report.worst(), 0.0, "{report}");
}

#[test]
fn case_names_are_unique() {
    let mut names: Vec<String> = cases().into_iter().map(|case| case.name).collect();
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn skips_are_reported_and_must_exist() {
    let mut suite = conformance(&Reference);
    for case in cases() {
        suite = suite.skip(&case.name, "it cannot");
    }
    let report = suite.run();
    assert!(report.passed() && report.to_string().contains("it cannot"), "{report}");
    let report = suite.skip("no such case", "a slip of the pen").run();
    assert!(!report.passed() && report.to_string().contains("there is no such case"), "{report}");
}

/// Runs one case on a wrong backend.
fn fails(fault: Fault, name: &str) {
    let case = cases().into_iter().find(|case| case.name == name).expect("a case of that name");
    let found = verdict(&case, &Ground::new(&Wrong(fault), false, Tolerance::F32_ROUNDING, &[]));
    assert!(matches!(found, Verdict::Failed(_)), "{fault:?} passed `{name}`: {found:?}");
}

#[test]
fn wrong_backends_are_caught_where_they_are_wrong() {
    fails(Fault::ForgetsShift, "chunks of a prompt");
    fails(Fault::LeaksMemory, "neighbours in a batch");
    fails(Fault::LeaksMemory, "copies go their own ways");
    fails(Fault::KeepsOutputs, "empty steps and batches");
    fails(Fault::KeepsOutputs, "the hidden state");
    fails(Fault::KeepsOutputs, "all kinds of wants in one batch");
    fails(Fault::TurnsTops, "the largest logits");
    fails(Fault::TurnsTops, "equal logits by rising id");
    fails(Fault::RoundsStates, "writing what was read");
    fails(Fault::RoundsStates, "heads of 64");
    fails(Fault::KeepsClosedStates, "a new slot is zeroed");
    fails(Fault::Panics, "one layer");
}

#[test]
fn what_a_backend_approximates_is_judged_apart_and_not_where_it_is_exact() {
    let loose = Tolerance { cause: "rounded states", relative: 0.1, largest: 0.1 };
    let backend = Wrong(Fault::RoundsStates);
    let suite = conformance(&backend).approximates(&[Dtype::Q8_0], loose);
    let passed = |report: &Report, name: &str| {
        let outcome =
            report.outcomes.iter().find(|outcome| outcome.case == name).expect("a case of that name");
        matches!(outcome.verdict, Verdict::Passed { .. })
    };
    let report = suite.run();
    assert!(passed(&report, "type Q8_0") && !passed(&report, "type F16"), "{report}");
    assert!(!passed(&report, "type Q4_0") && !passed(&report, "writing what was read"), "{report}");
    let report = conformance(&Wrong(Fault::RoundsUnlessExact)).exact().run();
    assert!(report.passed() && report.worst() == 0.0, "{report}");
    fails(Fault::RoundsUnlessExact, "type Q8_0");
}

/// Mistakes that real backends make.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    /// Does not carry the last channel mix input from one forward to the next.
    ForgetsShift,
    /// Lets what one sequence does show in the memory of the others.
    LeaksMemory,
    /// Adds the logits of a forward to those of the last.
    KeepsOutputs,
    TurnsTops,
    /// Keeps the memory in bf16.
    RoundsStates,
    /// The same, unless it is to be exact.
    RoundsUnlessExact,
    /// None.
    Nothing,
    /// Opens a slot with what its last user left there.
    KeepsClosedStates,
    /// Falls over.
    Panics,
}

/// The reference with one mistake.
struct Wrong(Fault);

/// Keeps states itself and lends them, one after the other, to the single slot of a reference model.
struct WrongModel {
    fault: Fault,
    info: ModelInfo,
    inner: Box<dyn Model>,
    slots: Slots<State>,
    last: State,
}

impl Backend for Wrong {
    fn name(&self) -> &'static str {
        "wrong"
    }

    fn load(&self, weights: &Weights, options: &LoadOptions) -> Result<Box<dyn Model>, Error> {
        let info = ModelInfo::new(self.name(), weights, options);
        let inner = Reference.load(weights, options)?;
        let slots = Slots::new(info.id, info.max_slots);
        let last = State::zeros(weights.config());
        let fault = match self.0 {
            Fault::RoundsUnlessExact if options.exact => Fault::Nothing,
            Fault::RoundsUnlessExact => Fault::RoundsStates,
            fault => fault,
        };
        Ok(Box::new(WrongModel { fault, info, inner, slots, last }))
    }
}

impl WrongModel {
    fn step(&mut self, step: &Step<'_>, outputs: &mut Outputs) -> Result<(), Error> {
        let mut state = self.slots.get(step.slot)?.clone();
        if self.fault == Fault::LeaksMemory && self.last.wkv.iter().any(|&x| x != 0.0) {
            state.wkv[0] = self.last.wkv[0];
        }
        let mut lent = self.inner.open_slot()?;
        self.inner.write_state(&mut lent, &state)?;
        let mut own = Outputs::new();
        let inner = Batch::new(self.inner.info(), vec![Step::new(&mut lent, step.tokens, step.want)])?;
        self.inner.forward(&inner, &mut own)?;
        outputs.logits.extend(own.logits);
        outputs.hidden.extend(own.hidden);
        if self.fault == Fault::TurnsTops {
            own.tops.reverse();
        }
        outputs.tops.extend(own.tops);
        state = self.inner.read_state(&lent)?;
        self.inner.close_slot(lent);
        match self.fault {
            Fault::ForgetsShift => state.ffn_shift.fill(0.0),
            Fault::RoundsStates => {
                state.wkv.iter_mut().for_each(|x| *x = half::bf16::from_f32(*x).to_f32());
            }
            Fault::Panics => panic!("as asked"),
            _ => {}
        }
        self.last.clone_from(&state);
        self.slots.get_mut(step.slot)?.clone_from(&state);
        Ok(())
    }
}

impl Model for WrongModel {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn open_slot(&mut self) -> Result<Slot, Error> {
        let zeros = State::zeros(&self.info.config);
        let old = self.last.clone();
        self.slots.open(|| if self.fault == Fault::KeepsClosedStates { old } else { zeros })
    }

    fn close_slot(&mut self, slot: Slot) {
        self.slots.close(slot);
    }

    fn read_state(&mut self, slot: &Slot) -> Result<State, Error> {
        self.slots.get(slot).cloned()
    }

    fn write_state(&mut self, slot: &mut Slot, state: &State) -> Result<(), Error> {
        state.check(&self.info.config)?;
        let mut state = state.clone();
        if self.fault == Fault::RoundsStates {
            state.wkv.iter_mut().for_each(|x| *x = half::bf16::from_f32(*x).to_f32());
        }
        self.slots.get_mut(slot)?.clone_from(&state);
        Ok(())
    }

    fn forward(&mut self, batch: &Batch<'_>, outputs: &mut Outputs) -> Result<(), Error> {
        if self.fault != Fault::KeepsOutputs {
            outputs.clear();
        }
        batch.steps().iter().try_for_each(|step| self.step(step, outputs))
    }
}
