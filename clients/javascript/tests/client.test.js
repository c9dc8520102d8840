// The client of @langchain/langgraph-sdk, both of the versions that people have.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { SLOW_QUESTION, said, serve, texts, until } from "./server.js";

let fast, slow;
before(async () => {
  fast = await serve("scripted:echo", process.env.EVERTHREAD_URL);
  slow = await serve("scripted:slow", process.env.EVERTHREAD_SLOW_URL);
});
after(async () => {
  await fast.stop();
  await slow.stop();
});

async function parts(stream) {
  const got = [];
  for await (const part of stream) if (part.event !== "end") got.push(part);
  return got;
}

const status = (wanted) => (error) => error.status === wanted || error.message.includes(wanted);

for (const version of ["sdk-2", "sdk-1"]) {
  const { Client } = await import(version);

  describe(version, () => {
    const at = (server) => new Client({ apiUrl: server.url });

    test("threads are made, found, changed, counted, copied and deleted", async () => {
      const { threads } = at(fast);
      const mark = crypto.randomUUID();
      const made = await threads.create({ metadata: { mark } });
      assert.equal(made.status, "idle");
      assert.deepEqual(await threads.get(made.thread_id).then((thread) => thread.metadata), { mark });
      const found = await threads.search({ metadata: { mark }, limit: 10 });
      assert.deepEqual(found.map((thread) => thread.thread_id), [made.thread_id]);
      assert.equal(await threads.count({ metadata: { mark } }), 1);
      const changed = await threads.update(made.thread_id, { metadata: { z: 1 } });
      assert.deepEqual(changed.metadata, { mark, z: 1 });
      const copy = await threads.copy(made.thread_id);
      assert.notEqual(copy.thread_id, made.thread_id);
      await threads.delete(made.thread_id);
      await assert.rejects(threads.get(made.thread_id), status("404"));
    });

    test("an id that is taken is refused", async () => {
      const { threads } = at(fast);
      const threadId = crypto.randomUUID();
      await threads.create({ threadId });
      await assert.rejects(threads.create({ threadId }), status("409"));
      assert.equal((await threads.create({ threadId, ifExists: "do_nothing" })).thread_id, threadId);
    });

    test("several modes are streamed at once", async () => {
      const client = at(fast);
      const thread = await client.threads.create();
      let created;
      const got = await parts(
        client.runs.stream(thread.thread_id, "chat", {
          input: said("hello"),
          streamMode: ["values", "messages-tuple", "updates"],
          onRunCreated: (run) => (created = run),
        }),
      );
      assert.equal(got[0].event, "metadata");
      assert.equal(created.run_id, got[0].data.run_id);
      const of = (event) => got.filter((part) => part.event === event).map((part) => part.data);
      const last = of("values").at(-1);
      assert.deepEqual(texts(last), ["hello"]);
      assert.equal(of("messages").map(([chunk]) => chunk.content).join(""), texts(last, "ai")[0]);
      assert.deepEqual(of("messages").map(([chunk]) => chunk.id).at(-1), last.messages.at(-1).id);
      assert.deepEqual(of("updates").map((update) => Object.keys(update)), [["chat"]]);
    });

    test("a run is waited for", async () => {
      const client = at(fast);
      const thread = await client.threads.create();
      const values = await client.runs.wait(thread.thread_id, "chat", { input: said("hello") });
      assert.deepEqual(texts(values), ["hello"]);
      assert.equal(texts(await client.runs.wait(null, "chat", { input: said("alone") })).length, 1);
    });

    test("a run in the background is joined", async () => {
      const client = at(fast);
      const thread = await client.threads.create();
      const run = await client.runs.create(thread.thread_id, "chat", { input: said("hello") });
      const values = await client.runs.join(thread.thread_id, run.run_id);
      assert.deepEqual(texts(values), ["hello"]);
      assert.equal((await client.runs.get(thread.thread_id, run.run_id)).status, "success");
      assert.equal((await client.runs.list(thread.thread_id)).length, 1);
      await client.runs.delete(thread.thread_id, run.run_id);
      await assert.rejects(client.runs.get(thread.thread_id, run.run_id), status("404"));
    });

    test("a resumable stream is joined from the beginning and from the middle", async () => {
      const client = at(fast);
      const thread = await client.threads.create();
      const stream = client.runs.stream(thread.thread_id, "chat", {
        input: said("hello"),
        streamMode: ["values", "messages-tuple"],
        streamResumable: true,
      });
      const got = await parts(stream);
      const runId = got[0].data.run_id;
      const again = await parts(
        client.runs.joinStream(thread.thread_id, runId, { lastEventId: "-1" }),
      );
      assert.deepEqual(again, got);
      const rest = await parts(
        client.runs.joinStream(thread.thread_id, runId, { lastEventId: got[1].id }),
      );
      assert.deepEqual(rest, got.slice(2));
    });

    test("a run is cancelled, and rolled back", async () => {
      const client = at(slow);
      for (const action of ["interrupt", "rollback"]) {
        const thread = await client.threads.create();
        const input = said(SLOW_QUESTION);
        const run = await client.runs.create(thread.thread_id, "chat", { input });
        const begun = async () => {
          const state = await client.threads.getState(thread.thread_id);
          return state.values.messages?.length === 1;
        };
        await until(begun, "the run begins");
        await client.runs.cancel(thread.thread_id, run.run_id, true, action);
        const { status: now } = await client.threads.get(thread.thread_id);
        assert.equal(now, action === "interrupt" ? "interrupted" : "idle");
      }
    });

    test("the state is read, edited and forked", async () => {
      const client = at(fast);
      const { thread_id: id } = await client.threads.create();
      await client.runs.wait(id, "chat", { input: said("one") });
      const one = await client.threads.getState(id);
      await client.runs.wait(id, "chat", { input: said("two") });
      const history = await client.threads.getHistory(id, { limit: 3 });
      assert.equal(history.length, 3);
      const old = await client.threads.getState(id, one.checkpoint);
      assert.deepEqual(texts(old.values), ["one"]);
      await client.threads.updateState(id, { values: { summary: "short" } });
      assert.equal((await client.threads.getState(id)).values.summary, "short");
      const values = await client.runs.wait(id, "chat", {
        input: said("two again"),
        checkpoint: one.checkpoint,
      });
      assert.deepEqual(texts(values), ["one", "two again"]);
    });

    test("a draft waits and is approved", async () => {
      const client = at(fast);
      const { thread_id: id } = await client.threads.create();
      const values = await client.runs.wait(id, "review", { input: said("hello") });
      assert.equal(values.__interrupt__.length, 1);
      assert.equal((await client.threads.get(id)).status, "interrupted");
      const command = { resume: { action: "edit", content: "better" } };
      const done = await client.runs.wait(id, "review", { command });
      assert.deepEqual(texts(done, "ai"), ["better"]);
    });

    test("items are stored, found and deleted", async () => {
      const { store } = at(fast);
      const mark = crypto.randomUUID();
      await store.putItem([mark, "a"], "k", { v: 1 });
      assert.deepEqual((await store.getItem([mark, "a"], "k")).value, { v: 1 });
      assert.equal(await store.getItem([mark, "a"], "nope"), null);
      const found = await store.searchItems([mark], { filter: { v: 1 }, limit: 3 });
      assert.deepEqual(found.items.map((item) => item.key), ["k"]);
      const { namespaces } = await store.listNamespaces({ prefix: [mark] });
      assert.deepEqual(namespaces, [[mark, "a"]]);
      await store.deleteItem([mark, "a"], "k");
      assert.equal(await store.getItem([mark, "a"], "k"), null);
    });

    test("assistants are found and drawn", async () => {
      const { assistants } = at(fast);
      const [chat] = await assistants.search({ graphId: "chat", metadata: { created_by: "system" } });
      const graph = await assistants.getGraph(chat.assistant_id);
      assert.ok(graph.nodes.some((node) => node.id === "chat"));
      const schemas = await assistants.getSchemas(chat.assistant_id);
      assert.equal(schemas.graph_id, "chat");
      const mine = await assistants.create({ graphId: "chat", name: "mine" });
      assert.equal((await assistants.get(mine.assistant_id)).name, "mine");
      await assistants.delete(mine.assistant_id);
    });
  });
}
