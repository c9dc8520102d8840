// What the server's page tells people to run, with both versions of the SDK that people have.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { serve } from "./server.js";

const SNIPPET = join(import.meta.dirname, "../../../crates/server/src/home/javascript.mjs");

let fast;
before(async () => {
  fast = await serve("scripted:echo", process.env.EVERTHREAD_URL);
});
after(() => fast.stop());

for (const version of ["sdk-2", "sdk-1"]) {
  test(`the snippet runs with ${version}`, async () => {
    // Beside the packages, so that they are found; the name is the one that this folder knows them by.
    const folder = mkdtempSync(join(import.meta.dirname, "snippet-"));
    const program = readFileSync(SNIPPET, "utf8").replaceAll("@langchain/langgraph-sdk", version);
    const file = join(folder, "snippet.mjs");
    writeFileSync(file, program);
    const environment = { ...process.env, EVERTHREAD_URL: fast.url };
    const child = spawn(process.execPath, [file], { env: environment, stdio: ["ignore", "pipe", "inherit"] });
    let said = "";
    child.stdout.on("data", (piece) => (said += piece));
    const code = await new Promise((resolve) => child.once("exit", resolve));
    rmSync(folder, { recursive: true });
    assert.equal(code, 0);
    assert.match(said, /Anna/);
  });
}
