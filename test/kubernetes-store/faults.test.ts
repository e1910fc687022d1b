import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { createKubernetesObjectStore } from "../../src/adapters/kubernetes/kubernetes-object-store.ts";
import { systemClock } from "../../src/adapters/system/system-clock.ts";
import type { Result } from "../../src/core/failure/result.ts";
import { valueOf } from "../../src/core/testing/value-of.ts";
import type { KindMap, ObjectStore } from "../../src/ports/store/object-store.ts";
import { waitUntil } from "../../testbed/lab/units/wait-until.ts";
import { openWeakLink } from "../../testbed/ports/weak-link.ts";
import { aNewDriverNode } from "../contract/worlds/object-builders.ts";
import { FIRST_START_TIMEOUT_MS, startApiServer, whyNoApiServer } from "./api-server.ts";
import type { ApiServer } from "./api-server.ts";
import { followNodes } from "./followed-store.ts";

const KILLS = 3;
const WRITERS = 6;
/** Of each writer, between two kills of the API server: more than end with an unknown outcome. */
const WRITES_BETWEEN_KILLS = 10;
const TEST_TIMEOUT_MS = 1_500_000;
/** The limit of any step on a busy machine. */
const PATIENCE_MS = 120_000;
const never = new AbortController().signal;

const missing = await whyNoApiServer();

describe("a Kubernetes store under faults", { skip: missing ?? false }, () => {
  let server: ApiServer | undefined;
  after(() => server?.close());
  const running = (): ApiServer => server ?? assert.fail("there is no API server");

  it("comes up", { timeout: FIRST_START_TIMEOUT_MS }, async (t) => {
    server = await startApiServer((line) => t.diagnostic(line));
  });

  it(
    "loses no acknowledged write and no event while the API server is killed",
    { timeout: TEST_TIMEOUT_MS },
    async (t) => {
      const { connect, kill, start, newNamespace } = running();
      const namespace = await newNamespace();
      const store = createKubernetesObjectStore(connect(), namespace);
      const followed = await followNodes(connect(), namespace);
      const nodes = await Promise.all(
        Array.from({ length: WRITERS }, async (_, writer) =>
          valueOf(await store.create("AzDriverNode", aNewDriverNode(`node-${writer}`), never)),
        ),
      );
      const stopWriting = new AbortController();
      const acknowledgedOf = new Map(nodes.map(({ metadata }) => [metadata.name, 0]));
      const writers = Promise.all(
        nodes.map((node) =>
          writeUntil(store, node, stopWriting.signal, (count) =>
            acknowledgedOf.set(node.metadata.name, count),
          ),
        ),
      );
      const untilWritten = async (): Promise<void> => {
        const before = new Map(acknowledgedOf);
        await waitUntil(
          `${WRITES_BETWEEN_KILLS} more writes of each writer`,
          { timeoutMs: PATIENCE_MS },
          async () =>
            [...acknowledgedOf].every(
              ([name, count]) => count >= (before.get(name) ?? 0) + WRITES_BETWEEN_KILLS,
            )
              ? true
              : undefined,
        );
      };
      try {
        for (let round = 0; round < KILLS; round++) {
          await Promise.race([untilWritten(), writers]);
          await kill();
          await systemClock.sleep(200, never);
          await start();
        }
        await Promise.race([untilWritten(), writers]);
        stopWriting.abort();
        await writers;
        await followed.untilShows(() => listNodes(store), PATIENCE_MS);
      } finally {
        stopWriting.abort();
        await followed.stop();
      }
      const written = await writers;
      const total = (count: "acknowledged" | "unknown"): number =>
        written.reduce((sum, of) => sum + of[count], 0);
      t.diagnostic(`${total("acknowledged")} writes acknowledged, ${total("unknown")} of unknown end`);
      const stored = new Map((await listNodes(store)).map((node) => [node.metadata.name, node]));
      for (const { name, newest, acknowledged, unknown } of written) {
        assert.ok(
          acknowledged > KILLS && unknown < acknowledged,
          `${name}: ${acknowledged} acknowledged, ${unknown} not known`,
        );
        assert.deepEqual(stored.get(name)?.metadata.labels, newest.metadata.labels);
        const steps = followed.changes
          .filter((change) => /→\d/u.test(change) && change.startsWith(`${name} `))
          .map((change) => Number(change.split("→")[1]));
        assert.deepEqual(
          steps,
          [...new Set(steps)].toSorted((left, right) => left - right),
          `${name} went back`,
        );
        assert.equal(steps.at(-1), Number(newest.metadata.labels?.["step"]));
      }
      assert.ok(followed.troubles.includes("broken"), followed.troubles.join());
    },
  );

  it(
    "lists again after etcd was compacted behind a broken watch; no change twice",
    { timeout: TEST_TIMEOUT_MS },
    async () => {
      const { connect, config, kill, start, compactEtcd, newNamespace } = running();
      const namespace = await newNamespace();
      const link = await openWeakLink(config);
      const store = createKubernetesObjectStore(connect(), namespace);
      const followed = await followNodes(connect({ config: link.config }), namespace);
      try {
        const made = await Promise.all(
          ["gone", "kept", "moved"].map(async (name) =>
            valueOf(await store.create("AzDriverNode", aNewDriverNode(name), never)),
          ),
        );
        await followed.untilShows(() => listNodes(store), PATIENCE_MS);
        followed.changes.splice(0);
        link.cut();
        valueOf(await store.delete("AzDriverNode", "gone", {}, never));
        const [, , moved = assert.fail()] = made;
        await step(store, valueOf(await step(store, moved, 1)), 2);
        valueOf(await store.create("AzDriverNode", aNewDriverNode("new"), never));
        await compactEtcd();
        await kill();
        await start();
        link.join();
        await followed.untilShows(() => listNodes(store), PATIENCE_MS);
        assert.deepEqual(followed.changes, ["gone -→absent", "moved -→2", "new absent→-"]);
        assert.ok(followed.troubles.includes("gone"), followed.troubles.join());
        followed.changes.splice(0);
        await step(store, valueOf(await store.get("AzDriverNode", "kept", never)), 1);
        await followed.untilShows(() => listNodes(store), PATIENCE_MS);
        assert.deepEqual(followed.changes, ["kept -→1"]);
      } finally {
        await followed.stop();
        await link.close();
      }
    },
  );

  it(
    "resumes a broken watch without a gap, and without a list unless compacted",
    { timeout: TEST_TIMEOUT_MS },
    async () => {
      const { connect, config, newNamespace } = running();
      const namespace = await newNamespace();
      const link = await openWeakLink(config);
      const store = createKubernetesObjectStore(connect(), namespace);
      const followed = await followNodes(connect({ config: link.config }), namespace);
      try {
        let node = valueOf(await store.create("AzDriverNode", aNewDriverNode("node"), never));
        await followed.untilShows(() => listNodes(store), PATIENCE_MS);
        link.cut();
        for (let count = 1; count <= 5; count++) node = valueOf(await step(store, node, count));
        link.join();
        await followed.untilShows(() => listNodes(store), PATIENCE_MS);
        assert.deepEqual(followed.changes, [
          "node absent→-",
          "node -→1",
          "node 1→2",
          "node 2→3",
          "node 3→4",
          "node 4→5",
        ]);
        assert.ok(
          followed.troubles.every((reason) => reason === "broken"),
          followed.troubles.join(),
        );
      } finally {
        await followed.stop();
        await link.close();
      }
    },
  );

  it(
    "gives up on a frozen API server in time, and continues when it thaws",
    { timeout: TEST_TIMEOUT_MS },
    async (t) => {
      const { connect, freeze, thaw, newNamespace } = running();
      const namespace = await newNamespace();
      const store = createKubernetesObjectStore(connect(), namespace);
      const impatient = createKubernetesObjectStore(connect({ requestTimeoutMs: 1_000 }), namespace);
      const made = valueOf(await store.create("AzDriverNode", aNewDriverNode("node"), never));
      const followed = await followNodes(connect({ requestTimeoutMs: 1_000 }), namespace, {
        stallTimeoutMs: 3_000,
        backoffMaxMs: 1_000,
      });
      try {
        const node = valueOf(await step(store, made, 1));
        await followed.untilShows(() => listNodes(store), PATIENCE_MS);
        followed.troubles.splice(0);
        await freeze();
        const beganMs = performance.now();
        for (const answer of [
          await impatient.get("AzDriverNode", "node", never),
          await impatient.update("AzDriverNode", node, never),
        ]) {
          assert.ok(!answer.ok && answer.failure.kind === "StoreUnavailable", JSON.stringify(answer));
          assert.match(
            answer.failure.detail,
            /^the API server at \S+ \(kubeconfig \S+\) gave no answer within 1000 ms$/u,
          );
        }
        const reportMs = followed.cache.lastReportElapsedMs("AzDriverNode");
        while (!followed.troubles.includes("broken") && performance.now() - beganMs < PATIENCE_MS)
          await systemClock.sleep(50, never);
        assert.deepEqual(followed.troubles.slice(0, 2), ["stalled", "broken"]);
        assert.equal(followed.cache.lastReportElapsedMs("AzDriverNode"), reportMs);
        thaw();
        const thawedMs = performance.now();
        valueOf(await step(store, valueOf(await untilOk(() => store.get("AzDriverNode", "node", never))), 7));
        await followed.untilShows(() => listNodes(store), PATIENCE_MS);
        t.diagnostic(`the cache was complete ${Math.round(performance.now() - thawedMs)} ms after the thaw`);
      } finally {
        thaw();
        await followed.stop();
      }
    },
  );

  for (const { because, writesSince, isReported } of [
    {
      because: "whose versions are far behind what was seen: the watch itself notices",
      writesSince: 400,
      isReported: false,
    },
    { because: "of a moment ago: a component that detected it reports it", writesSince: 1, isReported: true },
  ]) {
    it(`shows what a restored backup shows, ${because}`, { timeout: TEST_TIMEOUT_MS }, async (t) => {
      const { connect, backUpEtcd, newNamespace } = running();
      const namespace = await newNamespace();
      const store = createKubernetesObjectStore(connect(), namespace);
      const old = valueOf(await store.create("AzDriverNode", aNewDriverNode("old"), never));
      const followed = await followNodes(connect(), namespace);
      try {
        const restore = await backUpEtcd();
        let node = old;
        for (let count = 1; count <= writesSince; count++) node = valueOf(await step(store, node, count));
        valueOf(await store.create("AzDriverNode", aNewDriverNode("young"), never));
        await followed.untilShows(() => listNodes(store), PATIENCE_MS);
        await restore();
        const beganMs = performance.now();
        if (isReported) followed.cache.listAgain();
        await followed.untilShows(async () => [old], PATIENCE_MS);
        t.diagnostic(
          `the cache showed the backup ${Math.round(performance.now() - beganMs)} ms after the API ` +
            "server was ready",
        );
        await step(store, old, writesSince + 1);
        await followed.untilShows(() => listNodes(store), PATIENCE_MS);
        if (!isReported) assert.ok(followed.troubles.includes("gone"), followed.troubles.join());
      } finally {
        await followed.stop();
      }
    });
  }
});

interface Written {
  readonly name: string;
  readonly newest: KindMap["AzDriverNode"];
  readonly acknowledged: number;
  readonly unknown: number;
}

/**
 * Counts in an object's label until `signal`. The writer is the only one, so a write of unknown outcome has
 * either happened or not.
 */
async function writeUntil(
  store: ObjectStore,
  node: KindMap["AzDriverNode"],
  signal: AbortSignal,
  onAcknowledged: (count: number) => void,
): Promise<Written> {
  const { name } = node.metadata;
  let newest = node;
  let acknowledged = 0;
  let unknown = 0;
  for (let count = 1; !signal.aborted; count++) {
    const written = await step(store, newest, count);
    if (written.ok) {
      newest = written.value;
      acknowledged++;
      onAcknowledged(acknowledged);
      continue;
    }
    assert.equal(written.failure.kind, "StoreUnavailable", JSON.stringify(written.failure));
    unknown++;
    const read = valueOf(await untilOk(() => store.get("AzDriverNode", name, never)));
    const stepNow = read.metadata.labels?.["step"];
    assert.ok(
      stepNow === String(count) || read.metadata.resourceVersion === newest.metadata.resourceVersion,
      `${name} is at step ${stepNow}, after ${count - 1} was acknowledged`,
    );
    if (stepNow !== String(count)) count--;
    newest = read;
  }
  return { name, newest, acknowledged, unknown };
}

function step(
  store: ObjectStore,
  node: KindMap["AzDriverNode"],
  count: number,
): Promise<Result<KindMap["AzDriverNode"]>> {
  return store.update(
    "AzDriverNode",
    { ...node, metadata: { ...node.metadata, labels: { step: String(count) } } },
    never,
  );
}

async function listNodes(store: ObjectStore): Promise<readonly KindMap["AzDriverNode"][]> {
  return valueOf(await untilOk(() => store.list("AzDriverNode", {}, never))).items;
}

/** Retries while the store is unreachable; the limit is the test's own time-out. */
async function untilOk<T>(ask: () => Promise<Result<T>>): Promise<Result<T>> {
  for (;;) {
    const answer = await ask();
    if (answer.ok || answer.failure.kind !== "StoreUnavailable") return answer;
    await systemClock.sleep(100, never);
  }
}
