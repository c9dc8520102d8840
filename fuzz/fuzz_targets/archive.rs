#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    // An error is an answer.
    let _ = everthread_fuzz::at_bench(|bench| bench.archive(bytes));
});
