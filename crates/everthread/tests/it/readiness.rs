//! What happens where the model's weights or key are not here yet.

use std::fs::{File, create_dir_all};

use everthread_model::weights;

use crate::binary::Home;
use crate::serving::Serving;

const LOCAL: &str = "local:smollm2-135m";

#[test]
fn a_server_without_weights_comes_up_and_is_ready_once_they_are_there() {
    let home = Home::new();
    let serving = Serving::with_model(&home, LOCAL, &[]);
    assert_eq!(serving.call("GET", "/livez", "", "").0, 200);
    let (status, body) = serving.call("GET", "/readyz", "", "");
    assert_eq!(status, 503, "{body}");
    assert!(body.contains("\"code\":\"not_ready\""), "{body}");
    assert!(
        body.contains("everthread models pull smollm2-135m"),
        "{body}"
    );
    let (status, health) = serving.call("GET", "/health", "", "");
    assert_eq!(status, 200, "{health}");
    assert!(health.contains("cannot answer yet"), "{health}");
    // Sizes are what is looked at here; nobody loads these.
    let dir = home.path().join("data/everthread/models");
    create_dir_all(&dir).expect("a folder");
    for file in weights::find("smollm2-135m").expect("known").files {
        let made = File::create(dir.join(file.name)).expect("a file");
        made.set_len(file.size_bytes).expect("room");
    }
    let (status, body) = serving.call("GET", "/readyz", "", "");
    assert_eq!(status, 200, "{body}");
    let (code, log) = serving.stop();
    assert_eq!(code, 0, "{log}");
    assert!(log.contains("cannot answer yet"), "{log}");
}

#[test]
fn a_server_that_will_never_have_a_key_does_not_begin() {
    let home = Home::new();
    let refused = home.run(
        &["serve", "--listen", "127.0.0.1:0", "--model", "openai"],
        "",
    );
    assert_eq!(refused.code, 6, "{}", refused.stderr);
    assert!(
        refused.stderr.contains("OPENAI_API_KEY"),
        "{}",
        refused.stderr
    );
}

#[test]
fn a_chain_begins_when_one_of_its_models_can_answer() {
    for chain in [
        format!("{LOCAL},scripted:echo"),
        format!("scripted:echo,{LOCAL}"),
        "openai:gpt-4o-mini,scripted:echo".to_owned(),
    ] {
        let home = Home::new();
        let done = home.run(&["chat", "--model", &chain], "My dog is called Rex.\n");
        assert_eq!(done.code, 0, "{chain}: {}", done.stderr);
        assert!(done.stdout.contains("Rex"), "{chain}: {}", done.stdout);
        assert!(
            done.stderr.contains("cannot answer yet")
                && done.stderr.contains("scripted:echo answers"),
            "{chain}: {}",
            done.stderr
        );
    }
}

#[test]
fn a_chain_of_which_no_model_can_answer_names_what_each_lacks() {
    let home = Home::new();
    let done = home.run(&["chat", "--model", &format!("openai,{LOCAL}")], "Hello\n");
    assert_eq!(done.code, 6, "{}", done.stderr);
    assert!(done.stderr.contains("OPENAI_API_KEY"), "{}", done.stderr);
    assert!(
        done.stderr.contains("everthread models pull smollm2-135m"),
        "{}",
        done.stderr
    );
}
