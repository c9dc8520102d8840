// The thread protocol: `useStream` of @langchain/react, and `client.threads.stream()` of @langchain/langgraph-sdk 1.15.0.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { render } from "./hook.js";
import { SLOW_QUESTION, said, serve, texts, until } from "./server.js";

const { useStream } = await import("@langchain/react");
const { Client } = await import("sdk-1");
const { WebSocket } = await import("ws");

const dial = (url) => new WebSocket(url);

let fast, slow;
before(async () => {
  fast = await serve("scripted:echo", process.env.EVERTHREAD_URL);
  slow = await serve("scripted:slow", process.env.EVERTHREAD_SLOW_URL);
});
after(async () => {
  await fast.stop();
  await slow.stop();
});

const TRANSPORTS = { sse: {}, websocket: { transport: "websocket", webSocketFactory: dial } };

for (const [name, transport] of Object.entries(TRANSPORTS)) {
  /** A page with a conversation. */
  async function page(server, assistantId, more = {}) {
    const shown = render(() => useStream({ apiUrl: server.url, assistantId, ...transport, ...more }));
    await until(() => shown.now && !shown.now.isThreadLoading, "the page is there");
    return shown;
  }

  const kinds = (shown) => shown.now.messages.map((message) => message.getType());
  const spoken = (shown) => shown.now.messages.map((message) => message.text);
  const atRest = (shown, count) => () => !shown.now.isLoading && shown.now.messages.length === count;

  describe(`useStream of @langchain/react over ${name}`, () => {
    test("a message is sent and its reply is shown once", async () => {
      let threadId;
      const shown = await page(fast, "chat", { onThreadId: (id) => (threadId = id) });
      await shown.now.submit(said("hello"));
      await until(atRest(shown, 2), "the reply is shown");
      assert.deepEqual(kinds(shown), ["human", "ai"]);
      assert.ok(spoken(shown)[1].includes("hello"));
      await shown.now.submit(said("again"));
      await until(atRest(shown, 4), "the second reply is shown");
      assert.deepEqual(kinds(shown), ["human", "ai", "human", "ai"]);
      assert.equal(shown.now.error, undefined);
      const state = await new Client({ apiUrl: fast.url }).threads.getState(threadId);
      assert.deepEqual(spoken(shown), state.values.messages.map((message) => message.content));
      shown.close();
    });

    test("a reply grows while it is streamed", async () => {
      const shown = await page(slow, "chat");
      const done = shown.now.submit(said(SLOW_QUESTION));
      const lengths = new Set();
      await until(() => {
        if (shown.now.messages.length === 2) lengths.add(spoken(shown)[1].length);
        return shown.now.messages.length === 2 && !shown.now.isLoading;
      }, "the reply is whole");
      await done;
      assert.ok(lengths.size > 5, `${lengths.size} lengths were seen`);
      shown.close();
    });

    test("a draft is shown as an interrupt, and answered", async () => {
      const shown = await page(fast, "review");
      await shown.now.submit(said("hello"));
      await until(() => !shown.now.isLoading && shown.now.interrupt, "the draft waits");
      assert.ok(JSON.stringify(shown.now.interrupt.value).includes("hello"));
      await shown.now.respond({ action: "edit", content: "better" });
      await until(() => !shown.now.isLoading && spoken(shown).includes("better"), "the draft is said");
      assert.equal(shown.now.interrupt, undefined);
      assert.equal(shown.now.error, undefined);
      shown.close();
    });

    test("a run is stopped", async () => {
      const client = new Client({ apiUrl: slow.url });
      let threadId;
      const shown = await page(slow, "chat", { onThreadId: (id) => (threadId = id) });
      shown.now.submit(said(SLOW_QUESTION));
      await until(() => shown.now.messages.length === 2, "the reply begins");
      await shown.now.stop();
      await until(() => !shown.now.isLoading, "the page is at rest");
      const ended = async () => (await client.threads.get(threadId)).status === "interrupted";
      await until(ended, "the run is cancelled");
      await shown.now.submit(said("and now"));
      // The page keeps what it heard of the stopped reply, below what is in the state.
      const goesOn = () => !shown.now.isLoading && spoken(shown).some((text) => /and now .*and now/.test(text));
      await until(goesOn, "it goes on");
      shown.close();
    });

    test("a run that fails is shown as an error", async () => {
      const shown = await page(fast, "review");
      await shown.now.submit(said("hello"), { config: { recursion_limit: 1 } });
      await until(() => !shown.now.isLoading && shown.now.error, "the error is shown");
      assert.match(String(shown.now.error.message), /recursion limit/i);
      shown.close();
    });

    test("a page that is loaded again shows the conversation, and goes on", async () => {
      let threadId;
      const first = await page(fast, "chat", { onThreadId: (id) => (threadId = id) });
      await first.now.submit(said("earlier"));
      await until(atRest(first, 2), "the reply is shown");
      const before = spoken(first);
      first.close();
      const second = await page(fast, "chat", { threadId });
      await until(atRest(second, 2), "the conversation is shown");
      assert.deepEqual(spoken(second), before);
      await second.now.submit(said("later"));
      await until(atRest(second, 4), "the reply is shown");
      assert.deepEqual(spoken(second).slice(0, 2), before);
      second.close();
    });

    test("a page that is loaded again in the middle of a run sees its end", async () => {
      let threadId;
      const first = await page(slow, "chat", { onThreadId: (id) => (threadId = id) });
      first.now.submit(said(SLOW_QUESTION));
      await until(() => first.now.messages.length === 2, "the reply begins");
      first.close();
      const second = await page(slow, "chat", { threadId });
      await until(() => second.now.isLoading, "the run is joined");
      await until(atRest(second, 2), "the reply is whole");
      const state = await new Client({ apiUrl: slow.url }).threads.getState(threadId);
      assert.equal(spoken(second)[1], state.values.messages[1].content);
      second.close();
    });

    test("a draft still waits when the page is loaded again", async () => {
      let threadId;
      const first = await page(fast, "review", { onThreadId: (id) => (threadId = id) });
      await first.now.submit(said("hello"));
      await until(() => !first.now.isLoading && first.now.interrupt, "the draft waits");
      first.close();
      const second = await page(fast, "review", { threadId });
      const draft = await until(() => second.now.interrupt, "the draft waits again");
      // Without its id the page could only be answered once the events were heard again.
      await second.now.respond(true, { interruptId: draft.id });
      await until(() => !second.now.isLoading && kinds(second).includes("ai"), "the draft is said");
      assert.equal(second.now.interrupt, undefined);
      second.close();
    });

    test("an earlier message is edited: a branch", async () => {
      let threadId;
      const shown = await page(fast, "chat", { onThreadId: (id) => (threadId = id) });
      for (const [at, text] of ["first", "second"].entries()) {
        await shown.now.submit(said(text));
        await until(atRest(shown, 2 * at + 2), "the reply is shown");
      }
      const history = await new Client({ apiUrl: fast.url }).threads.getHistory(threadId);
      const before = history.find((state) => !texts(state.values).includes("second"));
      await shown.now.submit(said("edited"), { forkFrom: before.checkpoint.checkpoint_id });
      const branch = () => atRest(shown, 4)() && spoken(shown)[2] === "edited";
      await until(branch, "the branch is shown");
      assert.equal(spoken(shown)[0], "first");
      assert.ok(spoken(shown)[3].includes("edited"));
      shown.close();
    });
  });

  describe(`client.threads.stream() over ${name}`, () => {
    const open = (server, assistantId, threadId) =>
      new Client({ apiUrl: server.url }).threads.stream(threadId ?? crypto.randomUUID(), { assistantId, ...transport });

    test("a turn is streamed", async () => {
      const thread = open(fast, "chat");
      const begun = await thread.run.start({ input: said("hello") });
      assert.ok(begun.run_id);
      const values = await thread.output;
      assert.equal(values.messages.length, 2);
      assert.ok(values.messages[1].text.includes("hello"));
      await thread.close();
    });

    test("a reply is heard word by word", async () => {
      const thread = open(slow, "chat");
      const messages = thread.messages;
      await thread.run.start({ input: said(SLOW_QUESTION) });
      const words = [];
      for await (const message of messages) {
        for await (const word of message.text) words.push(word);
        break;
      }
      assert.ok(words.length > 10);
      const values = await thread.output;
      assert.equal(words.join(""), values.messages[1].text);
      await thread.close();
    });

    test("a draft is shown and answered", async () => {
      const thread = open(fast, "review");
      await thread.run.start({ input: said("hello") });
      await until(() => thread.interrupts.length === 1, "the draft waits");
      const [{ interruptId, namespace, payload }] = thread.interrupts;
      assert.ok(JSON.stringify(payload).includes("hello"));
      await thread.input.respond({ interrupt_id: interruptId, namespace, response: { action: "edit", content: "better" } });
      const said_ = async () => texts((await thread.state.get({ namespace: [] })).values, "ai")[0] === "better";
      await until(said_, "the draft is said");
      await assert.rejects(thread.input.respond({ interrupt_id: interruptId, namespace, response: 1 }), {
        code: "no_such_interrupt",
      });
      await thread.close();
    });

    test("states are read and forked", async () => {
      const thread = open(fast, "chat");
      await thread.run.start({ input: said("hello") });
      await thread.output;
      const { checkpoints } = await thread.state.listCheckpoints({ limit: 5 });
      const first = checkpoints.at(-1);
      const fork = await thread.state.fork({ checkpoint_id: first.id, input: said("more") });
      assert.ok(fork.run_id);
      const read = async () => texts((await thread.state.get({ namespace: [] })).values, "ai").length === 1;
      await until(read, "the fork has an answer");
      await thread.close();
    });
  });
}
