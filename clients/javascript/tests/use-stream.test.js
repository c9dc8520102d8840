// `useStream` of @langchain/langgraph-sdk/react, both of the versions that people have.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { render } from "./hook.js";
import { SLOW_QUESTION, said, serve, until } from "./server.js";

let fast, slow;
before(async () => {
  fast = await serve("scripted:echo", process.env.EVERTHREAD_URL);
  slow = await serve("scripted:slow", process.env.EVERTHREAD_SLOW_URL);
});
after(async () => {
  await fast.stop();
  await slow.stop();
});

for (const version of ["sdk-2", "sdk-1"]) {
  const { useStream } = await import(`${version}/react`);
  const { Client } = await import(version);

  /** A page with a conversation, once the hook is there. */
  async function page(server, assistantId, more = {}) {
    const shown = render(() =>
      useStream({
        apiUrl: server.url,
        assistantId,
        messagesKey: "messages",
        fetchStateHistory: true,
        ...more,
      }),
    );
    await until(() => shown.now && !shown.now.isThreadLoading, "the page is there");
    return shown;
  }

  const kinds = (shown) => shown.now.messages.map((message) => message.type);
  const spoken = (shown) => shown.now.messages.map((message) => message.content);
  const atRest = (shown, count) => () =>
    !shown.now.isLoading && shown.now.messages.length === count;

  describe(`useStream of ${version}`, () => {
    test("a message is sent and its reply is shown once", async () => {
      let threadId;
      const shown = await page(fast, "chat", { onThreadId: (id) => (threadId = id) });
      shown.now.submit(said("hello"));
      await until(atRest(shown, 2), "the reply is shown");
      assert.deepEqual(kinds(shown), ["human", "ai"]);
      assert.ok(spoken(shown)[1].includes("hello"));
      assert.ok(threadId);
      shown.now.submit(said("again"));
      await until(atRest(shown, 4), "the second reply is shown");
      assert.deepEqual(kinds(shown), ["human", "ai", "human", "ai"]);
      assert.equal(shown.now.error, undefined);
      shown.close();
    });

    test("a reply grows while it is streamed", async () => {
      const shown = await page(slow, "chat");
      shown.now.submit(said(SLOW_QUESTION));
      const lengths = new Set();
      await until(() => {
        const reply = shown.now.messages[1];
        if (reply) lengths.add(reply.content.length);
        return !shown.now.isLoading && shown.now.messages.length === 2;
      }, "the reply is whole");
      assert.ok(lengths.size > 3, `${lengths.size} lengths were seen`);
      assert.equal(shown.now.messages.length, 2);
      shown.close();
    });

    test("a conversation that exists is shown", async () => {
      const client = new Client({ apiUrl: fast.url });
      const { thread_id: threadId } = await client.threads.create();
      await client.runs.wait(threadId, "chat", { input: said("earlier") });
      const shown = await page(fast, "chat", { threadId });
      await until(() => shown.now.messages.length === 2, "the conversation is shown");
      assert.equal(spoken(shown)[0], "earlier");
      shown.close();
    });

    test("a draft is shown as an interrupt, and resumed", async () => {
      const shown = await page(fast, "review");
      shown.now.submit(said("hello"));
      await until(() => !shown.now.isLoading && shown.now.interrupt, "the draft waits");
      assert.ok(JSON.stringify(shown.now.interrupt.value).includes("hello"));
      shown.now.submit(undefined, { command: { resume: { action: "edit", content: "better" } } });
      await until(() => !shown.now.isLoading && kinds(shown).includes("ai"), "the draft is said");
      assert.equal(spoken(shown).at(-1), "better");
      assert.ok(!shown.now.interrupt);
      shown.close();
    });

    test("an earlier message is edited: a branch", async () => {
      const shown = await page(fast, "chat");
      shown.now.submit(said("first"));
      await until(atRest(shown, 2), "the reply is shown");
      const [question] = shown.now.messages;
      const { firstSeenState } = shown.now.getMessagesMetadata(question);
      shown.now.submit(said("edited"), { checkpoint: firstSeenState.parent_checkpoint });
      await until(
        () => !shown.now.isLoading && spoken(shown)[0] === "edited" && shown.now.messages.length === 2,
        "the branch is shown",
      );
      const seen = shown.now.getMessagesMetadata(shown.now.messages[0]);
      assert.equal(seen.branchOptions.length, 2);
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
      shown.close();
    });

    test("a page that comes back joins its run again", async () => {
      const client = new Client({ apiUrl: slow.url });
      const { thread_id: threadId } = await client.threads.create();
      const options = { threadId, reconnectOnMount: true };
      const first = await page(slow, "chat", options);
      first.now.submit(said(SLOW_QUESTION), { streamResumable: true, onDisconnect: "continue" });
      await until(() => first.now.messages.length === 2, "the reply begins");
      first.close();
      const second = await page(slow, "chat", options);
      await until(() => second.now.isLoading, "the run is joined");
      await until(atRest(second, 2), "the reply is whole");
      const state = await client.threads.getState(threadId);
      assert.equal(spoken(second)[1], state.values.messages[1].content);
      second.close();
    });
  });
}
