import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { createInterface } from "node:readline";
import { after, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { residentMiB } from "../../bench/resident-memory.ts";
import { waitUntil } from "../../demo/wait-until.ts";
import { bundle } from "../../scripts/build/bundle.ts";
import { NODE_RUNTIME } from "../../scripts/build/node-runtime.ts";
import { createKubernetesObjectStore } from "../../src/adapters/kubernetes/kubernetes-object-store.ts";
import { systemClock } from "../../src/adapters/system/system-clock.ts";
import type { KindMap } from "../../src/ports/store/object-store.ts";
import { FIRST_START_TIMEOUT_MS, startApiServer, whyNoApiServer } from "./api-server.ts";
import type { ApiServer } from "./api-server.ts";
import { fullVolume } from "./full-objects.ts";

const OBJECTS = 10_000;
const WRITERS = 16;
const UPDATES = 500;
const TEST_TIMEOUT_MS = 1_500_000;
/** How long the API server may take to read the copies from etcd. */
const CAUGHT_UP_MAX_MS = 240_000;
/** Two seconds on two idle cores. */
const LIST_MAX_MS = 60_000;
/** The program loads only the client, the store and the cache. */
const EMPTY_MAX_MIB = 75;
const FULL_MAX_MIB = 130;
/** Until then the list's garbage has been collected. */
const SETTLED_MAX_MS = 60_000;
const LOOK_EVERY_MS = 1_000;
const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const never = new AbortController().signal;

const missing = await whyNoApiServer();

describe("a Kubernetes store with 10,000 volumes", { skip: missing ?? false }, () => {
  let server: ApiServer | undefined;
  after(() => server?.close());
  const running = (): ApiServer => server ?? assert.fail("there is no API server");

  it("comes up", { timeout: FIRST_START_TIMEOUT_MS }, async (t) => {
    server = await startApiServer((line) => t.diagnostic(line));
  });

  it("is listed in pages and followed in little memory", { timeout: TEST_TIMEOUT_MS }, async (t) => {
    const { connect, kubeconfigFile, newNamespace, copyObject } = running();
    const namespace = await newNamespace();
    const store = createKubernetesObjectStore(connect(), namespace);
    const program = await bundleProgram();
    try {
      const empty = await follow(program.file, kubeconfigFile, await newNamespace());
      const emptyMiB = await empty.settledMiB(EMPTY_MAX_MIB);
      await empty.stop();

      const { metadata } = await makeVolume(store);
      const names = Array.from({ length: OBJECTS - 1 }, (_, index) => `copy-${index}`);
      await copyObject(
        { path: `disk.csi.azure.com/azvolumes/${namespace}`, name: metadata.name, uid: metadata.uid },
        names,
      );
      // The copies bypassed the API server: it refuses to list until its own watch of etcd has received
      // them.
      await waitUntil("the API server to have seen the copies", CAUGHT_UP_MAX_MS, async () => {
        const seen = await store.list("AzVolume", {}, never);
        return seen.ok || seen.failure.kind !== "StoreUnavailable" ? true : undefined;
      });
      let listed: readonly KindMap["AzVolume"][] = [];
      const listingMs = await timed(async () => {
        const answer = await store.list("AzVolume", {}, never);
        listed = answer.ok ? answer.value.items : assert.fail(JSON.stringify(answer));
      });
      assert.deepEqual(
        listed.map((volume) => volume.metadata.name),
        [...names, metadata.name].toSorted(),
      );

      const full = await follow(program.file, kubeconfigFile, namespace);
      const fullMiB = await full.settledMiB(FULL_MAX_MIB);
      const updatingMs = await timed(() =>
        spread(UPDATES, async (index) => {
          const volume = listed[index] ?? assert.fail();
          const updated = await store.updateStatus(
            "AzVolume",
            { ...volume, status: { ...fullVolume.status, state: "Updated" } },
            never,
          );
          assert.ok(updated.ok, JSON.stringify(updated));
        }),
      );
      const toldMs = await timed(() => full.untilChanges(OBJECTS + UPDATES));
      const afterMiB = await full.settledMiB(FULL_MAX_MIB);
      await full.stop();
      t.diagnostic(
        `${OBJECTS} AzVolumes of ${JSON.stringify(listed[0]).length} bytes: listed in ` +
          `${seconds(listingMs)}; ` +
          `a follower of the three kinds has them after ${seconds(full.syncedMs)}; ` +
          `${UPDATES} updates in ${seconds(updatingMs)}, all received ${seconds(toldMs)} later`,
      );
      t.diagnostic(
        `resident memory of the follower: ${emptyMiB.toFixed(1)} MiB with no object, ` +
          `${fullMiB.toFixed(1)} MiB with ${OBJECTS}, ${afterMiB.toFixed(1)} MiB after the updates`,
      );
      assert.ok(
        listingMs < LIST_MAX_MS && emptyMiB < EMPTY_MAX_MIB && Math.max(fullMiB, afterMiB) < FULL_MAX_MIB,
        `${listingMs} ms, ${emptyMiB}, ${fullMiB}, ${afterMiB} MiB`,
      );
    } finally {
      await program.remove();
    }
  });
});

async function makeVolume(
  store: ReturnType<typeof createKubernetesObjectStore>,
): Promise<KindMap["AzVolume"]> {
  const made = await store.create("AzVolume", fullVolume, never);
  assert.ok(made.ok, JSON.stringify(made));
  const full = await store.updateStatus("AzVolume", { ...made.value, status: fullVolume.status }, never);
  return full.ok ? full.value : assert.fail(JSON.stringify(full));
}

/** Does something `count` times with limited concurrency. */
async function spread(count: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: WRITERS }, worker));
}

async function timed(work: () => Promise<void>): Promise<number> {
  const beganMs = performance.now();
  await work();
  return performance.now() - beganMs;
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

/** The program as installed: bundled and minified. */
async function bundleProgram(): Promise<{ readonly file: string; readonly remove: () => Promise<void> }> {
  const folder = join(".cache", `count-changes-${process.pid}`);
  const entry = relative(ROOT, fileURLToPath(import.meta.resolve("./count-changes.ts")));
  const { files } = await bundle(ROOT, [{ entry, name: "count-changes" }], folder);
  for (const { path, text } of files) {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  }
  return {
    file: join(ROOT, folder, "count-changes.cjs"),
    remove: () => rm(join(ROOT, folder), { recursive: true }),
  };
}

interface Follower {
  readonly syncedMs: number;
  readonly untilChanges: (count: number) => Promise<void>;
  /** Its memory once that is below the limit, or at the end of the wait for it. */
  readonly settledMiB: (belowMiB: number) => Promise<number>;
  readonly stop: () => Promise<void>;
}

/** Starts the program with the flags of the node role, and waits until it has listed everything. */
async function follow(file: string, kubeconfig: string, namespace: string): Promise<Follower> {
  const child = spawn(process.execPath, [...NODE_RUNTIME.flags, file, kubeconfig, namespace], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, ...NODE_RUNTIME.environment },
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const nextNumber = async (word: string): Promise<number> => {
    const { value } = await lines.next();
    const [said, number] = String(value).split(" ");
    assert.equal(said, word);
    return Number(number);
  };
  const syncedMs = await nextNumber("synced");
  return {
    syncedMs,
    untilChanges: async (count) => {
      for (;;) {
        child.stdin.write("how many?\n");
        if ((await nextNumber("changes")) >= count) return;
        await systemClock.sleep(50, never);
      }
    },
    settledMiB: async (belowMiB) => {
      const endsMs = performance.now() + SETTLED_MAX_MS;
      for (;;) {
        await systemClock.sleep(LOOK_EVERY_MS, never);
        const nowMiB = await residentMiB(child.pid ?? 0);
        if (nowMiB < belowMiB || performance.now() > endsMs) return nowMiB;
      }
    },
    stop: async () => {
      const ended = once(child, "close");
      child.stdin.end();
      await ended;
    },
  };
}
