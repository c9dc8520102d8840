// One server that answers at once and one that takes about two seconds. `EVERTHREAD_URL` and `EVERTHREAD_SLOW_URL`
// name servers that run already.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const START_MS = 30_000;
const ADDRESS = /http:\/\/127\.0\.0\.1:\d+/;

function binary() {
  const target = process.env.CARGO_TARGET_DIR ?? join(import.meta.dirname, "../../../target");
  return process.env.EVERTHREAD_BIN ?? join(target, "debug", "everthread");
}

/** Starts a server with `model` and these settings, or takes the one that `given` names. Returns its address and how
 * to end it. */
export async function serve(model, given, environment = {}) {
  if (given) return { url: given, stop: async () => {} };
  const folder = mkdtempSync(join(tmpdir(), "everthread-clients-"));
  const storage = `sqlite:${join(folder, "memory.db")}`;
  const words = ["serve", "--listen", "127.0.0.1:0", "--model", model, "--storage", storage];
  const child = spawn(binary(), words, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...environment },
  });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const url = await address(child);
  const stop = async () => {
    child.kill("SIGTERM");
    await ended;
    rmSync(folder, { recursive: true });
  };
  return { url, stop };
}

function address(child) {
  return new Promise((resolve, reject) => {
    const seen = [];
    const fail = (why) => reject(new Error(`${why}:\n${seen.join("\n")}`));
    const timer = setTimeout(() => fail("the server did not say where it listens"), START_MS);
    child.once("error", fail);
    child.once("exit", (code) => fail(`the server ended with ${code}`));
    for (const output of [child.stdout, child.stderr]) {
      createInterface({ input: output }).on("line", (line) => {
        seen.push(line);
        const found = ADDRESS.exec(line);
        if (!found) return;
        clearTimeout(timer);
        resolve(found[0]);
      });
    }
  });
}

/** Asks again and again until the answer is true, and returns it. */
export async function until(reached, what) {
  const end = Date.now() + 20_000;
  while (Date.now() < end) {
    const answer = await reached();
    if (answer) return answer;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`not within 20 s: ${what}`);
}

export const said = (text) => ({ messages: [{ type: "human", content: text }] });
export const texts = (values, type = "human") =>
  values.messages.filter((message) => message.type === type).map((message) => message.content);

/** The model scripted:slow says this back in about a hundred words, one each 20 ms. */
export const SLOW_QUESTION = "a";
