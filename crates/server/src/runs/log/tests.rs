//! Readers, fast and slow.

use super::*;

fn names(read: &Read) -> Vec<&str> {
    match read {
        Read::Frames(frames) => frames.iter().map(Frame::data).collect(),
        _ => Vec::new(),
    }
}

#[tokio::test]
async fn a_reader_gets_what_comes_after_it_began_and_then_the_end() {
    let log = Log::new(false, 0);
    log.push("values", "0").await;
    let mut reader = log.reader(None);
    log.push("values", "1").await;
    log.push("values", "2").await;
    assert_eq!(names(&reader.next().await), ["1", "2"]);
    log.close();
    assert!(matches!(reader.next().await, Read::Closed));
}

#[tokio::test]
async fn what_nobody_reads_is_not_kept() {
    let log = Log::new(false, 0);
    log.push("values", "0").await;
    assert!(!log.is_read());
    assert_eq!(log.lock().frames.len(), 0);
    let mut late = log.reader(Some(0));
    assert!(matches!(late.next().await, Read::Behind(1)));
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_is_waited_for_once_and_then_left_behind() {
    let log = Log::new(false, 0);
    let mut slow = log.reader(None);
    let begun = Instant::now();
    for n in 0..MAX_FRAMES + 10 {
        log.push("values", &n.to_string()).await;
    }
    assert_eq!(begun.elapsed().as_secs(), PATIENCE.as_secs());
    assert_eq!(log.lock().frames.len(), MAX_FRAMES);
    assert!(matches!(slow.next().await, Read::Behind(10)));
}

#[tokio::test]
async fn a_reader_that_reads_makes_room_at_once() {
    let log = Log::new(false, 0);
    let mut reader = log.reader(None);
    let reading = tokio::spawn(async move {
        let mut seen = 0;
        while let Read::Frames(frames) = reader.next().await {
            seen += frames.len();
        }
        seen
    });
    let big = format!("\"{}\"", "x".repeat(MAX_BYTES / 3));
    for _ in 0..20 {
        log.push("values", &big).await;
    }
    log.close();
    assert_eq!(reading.await.expect("the reader ends"), 20);
}

#[tokio::test]
async fn a_resumable_run_keeps_what_is_not_stored_yet() {
    let log = Log::new(true, 0);
    log.push("values", "0").await;
    log.push("values", "1").await;
    assert_eq!(names(&log.reader(Some(0)).next().await), ["0", "1"]);
    log.stored(2);
    assert_eq!(names(&log.reader(Some(1)).next().await), ["1"]);
    assert_eq!(log.unstored(), 2);
}
