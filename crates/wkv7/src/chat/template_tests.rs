//! The templates, string by string.

use super::*;

/// Who says what.
type Turns<'a> = &'a [(Role, &'a str)];

fn talk(turns: Turns<'_>) -> Vec<Message> {
    turns.iter().map(|(role, text)| Message::new(*role, *text)).collect()
}

fn weather() -> Tool {
    let argument = |name: &str, kind: &str, optional| super::super::Argument {
        name: name.to_owned(),
        kind: kind.to_owned(),
        optional,
    };
    let arguments = vec![argument("city", "string", false), argument("unit", "\"c\" | \"f\"", true)];
    Tool { name: "weather".to_owned(), arguments }
}

#[test]
fn conversations_are_rendered_exactly() {
    use Role::{Assistant, System, User};
    let table: [(Turns<'_>, Think, &str); 10] = [
        (&[(User, "q")], Think::Plain, "User: q\n\nAssistant:"),
        (&[(User, "q")], Think::Think, "User: q\n\nAssistant: <think"),
        (&[(User, "q")], Think::FakeThink, "User: q\n\nAssistant: <think>\n</think"),
        (&[(User, "q")], Think::Off, "User: q\n\nAssistant: <think></think"),
        (&[(User, "q")], Think::ThinkSome, "User: q (think)\n\nAssistant: <think"),
        (&[(User, "q")], Think::ThinkABit, "User: q (think a bit)\n\nAssistant: <think"),
        (&[(User, "q")], Think::ThinkALot, "User: q (think a lot)\n\nAssistant: <think"),
        (&[(System, "s"), (User, "q")], Think::Plain, "System: s\n\nUser: q\n\nAssistant:"),
        (
            &[(User, "q1"), (Assistant, " a1"), (User, "q2")],
            Think::ThinkABit,
            "User: q1\n\nAssistant: a1\n\nUser: q2 (think a bit)\n\nAssistant: <think",
        ),
        (
            &[(User, " a\r\n\r\nb "), (Assistant, " <think>hm\n</think>\nyes\n\nno "), (User, "q2")],
            Think::Plain,
            "User: a\nb\n\nAssistant: yes\n\nno\n\nUser: q2\n\nAssistant:",
        ),
    ];
    for (turns, think, want) in table {
        assert_eq!(Template::G1.render(&talk(turns), think, &[]), want);
    }
}

#[test]
fn world_models_do_not_think_and_answer_in_one_paragraph() {
    let turns = talk(&[(Role::User, "q1"), (Role::Assistant, "a\n\nb"), (Role::User, "q2")]);
    let want = "User: q1\n\nAssistant: a\nb\n\nUser: q2\n\nAssistant:";
    assert_eq!(Template::World.render(&turns, Think::ThinkALot, &[]), want);
    assert_eq!(Template::World.stops(&[]), ["\n\n"]);
    assert_eq!(Template::G1.stops(&[]), ["\n\nUser:"]);
}

#[test]
fn functions_are_offered_called_and_answered() {
    let tools = [weather()];
    let mut turns = talk(&[(Role::User, "weather in Oslo?")]);
    let first = Template::G1.render(&turns, Think::Think, &tools);
    let head = "System: Tools:\n- weather(city: string, unit?: \"c\" | \"f\")\n\
                Return only a JSON function call.\n\nUser: weather in Oslo?\n\nAssistant: ```json";
    assert_eq!(first, head);

    let generated = "\n{\"name\": \"weather\"}";
    let output = Message::new(Role::Tool, "{\"c\": 3}");
    let next = Template::G1.turn(&output, Think::Think, &tools);
    assert_eq!(next, "\n```\n\nUser: Function output:\n{\"c\": 3}\n\nAssistant: ```json");

    // Feeding turn by turn and rendering everything anew give one text.
    turns.push(Message::new(Role::Assistant, Template::G1.answer(generated, Think::Think, &tools)));
    turns.push(output);
    let whole = Template::G1.render(&turns, Think::Think, &tools);
    assert_eq!(whole, format!("{first}{generated}{next}"));
    assert_eq!(Template::G1.stops(&tools), ["\n```"]);
}

#[test]
fn a_system_text_goes_before_the_functions() {
    let turns = talk(&[(Role::System, "be brief"), (Role::User, "q")]);
    let text = Template::G1.render(&turns, Think::Plain, &[weather()]);
    assert!(text.starts_with("System: be brief\nTools:\n- weather("), "{text}");
}

#[test]
fn a_turn_continues_what_was_generated() {
    for template in [Template::World, Template::G1] {
        let mut turns = talk(&[(Role::System, "s"), (Role::User, "q1")]);
        let first = template.render(&turns, Think::Plain, &[]);
        let next = template.turn(&Message::new(Role::User, "q2"), Think::Plain, &[]);
        turns.extend(talk(&[(Role::Assistant, " a1"), (Role::User, "q2")]));
        assert_eq!(format!("{first} a1{next}"), template.render(&turns, Think::Plain, &[]));
    }
    let next = Template::G1.turn(&Message::new(Role::User, "q"), Think::ThinkABit, &[]);
    assert_eq!(next, "\n\nUser: q (think a bit)\n\nAssistant: <think");
}

#[test]
fn answers_lose_their_thinking() {
    let table = [
        (Think::Plain, " 42", "42"),
        (Think::Off, ">\n42", "42"),
        (Think::FakeThink, ">\n42", "42"),
        (Think::Think, ">hm\n</think>\n42\n\nor 43", "42\n\nor 43"),
        (Think::ThinkALot, ">hm, still", ""),
    ];
    for (think, generated, want) in table {
        assert_eq!(Template::G1.answer(generated, think, &[]), want, "{think}");
    }
}

#[test]
fn the_middle_is_asked_for_with_flowers() {
    assert_eq!(fill_in_the_middle("let x = ", ";"), "✿prefix✿✿suffix✿;✿middle✿let x = ");
}

#[test]
fn names_are_read() {
    assert_eq!("g1".parse::<Template>().expect("known"), Template::G1);
    assert!("g2".parse::<Template>().is_err());
    for think in Think::ALL {
        assert_eq!(think.name().parse::<Think>().expect("known"), think);
    }
    let error = "much".parse::<Think>().expect_err("unknown").to_string();
    assert_eq!(error, "option `think` is `much`, expected plain, off, fake, think, bit, some or lot");
}
