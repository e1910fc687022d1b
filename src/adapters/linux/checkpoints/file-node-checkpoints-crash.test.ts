import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { Result } from "../../../core/failure/result.ts";
import type { NodeCheckpoints } from "../../../ports/host/node-checkpoints.ts";
import { aCheckpoint } from "../../../ports/testing/a-checkpoint.ts";
import { decodeSlot, encodeSlot } from "./checkpoint-slot.ts";
import { openFileNodeCheckpoints } from "./file-node-checkpoints.ts";
import {
  afterPowerFailure,
  createCrashDisk,
  diskWith,
  type DiskState,
  type Fate,
  type NameSync,
} from "./testing/crash-disk.ts";

const never = new AbortController().signal;
/** So long that twice the checkpoints with it no longer fit into a slot of the first size. */
const LONG_PATH = `/${"t".repeat(33 * 1024)}`;

/** What a plug-in that opens the checkpoints finds. */
interface Content {
  readonly heartbeat: number;
  readonly volumes: readonly string[];
}

interface Change {
  readonly to: (from: Content) => Content;
  readonly make: (checkpoints: NodeCheckpoints) => Promise<Result<void>>;
}

const beat = (heartbeat: number): Change => ({
  to: (from) => ({ ...from, heartbeat }),
  make: (checkpoints) => checkpoints.putHeartbeat({ heartbeat: heartbeat, vmId: "vm-1" }, never),
});
const put = (volumeName: string, targetPath = "/target"): Change => ({
  to: ({ heartbeat, volumes }) => ({ heartbeat, volumes: [...new Set([...volumes, volumeName])].toSorted() }),
  make: (checkpoints) => checkpoints.put(aCheckpoint({ volumeName, targetPaths: [targetPath] }), never),
});
const remove = (volumeName: string): Change => ({
  to: ({ heartbeat, volumes }) => ({ heartbeat, volumes: volumes.filter((name) => name !== volumeName) }),
  make: (checkpoints) => checkpoints.remove(volumeName, never),
});

const nothing: Content = { heartbeat: 0, volumes: [] };
const changes = [beat(6), put("pvc-1"), remove("pvc-1"), put("pvc-2", LONG_PATH), beat(7), remove("pvc-2")];
const laterChanges = [put("pvc-3"), beat(9), remove("pvc-3")];

/** What one process has left: the disk, and what the next one may find on it. */
interface Remains {
  readonly state: DiskState;
  readonly possible: readonly Content[];
  readonly calls: number;
  /** Of its last changes, those that failed. */
  readonly failed: number;
}

const textOf = ({ heartbeat, volumes }: Content): string => JSON.stringify([heartbeat, volumes]);

for (const nameSync of ["folder", "file"] as const satisfies readonly NameSync[])
  describe(`a plug-in's checkpoints where names are durable by a sync of the ${nameSync}`, () => {
    let directory = "";
    before(async () => {
      directory = await mkdtemp(join(tmpdir(), "crash-points-"));
    });
    after(() => rm(directory, { recursive: true }));
    const pathOf = (): string => join(directory, "volumes.json");
    const secondPathOf = (): string => join(directory, "volumes.2.json");

    /** The life of one process, which ends by its fate or after its changes. */
    async function live(
      { state, possible }: Pick<Remains, "state" | "possible">,
      changes: readonly Change[],
      fate: Fate = {},
    ): Promise<Remains> {
      const process = createCrashDisk(state, fate, nameSync);
      const remains = (left: readonly Content[], failed: number): Remains => ({
        ...{ state: process.state(), possible: left, failed },
        calls: process.calls(),
      });
      let checkpoints: NodeCheckpoints;
      try {
        checkpoints = await openFileNodeCheckpoints(pathOf(), undefined, process.disk);
      } catch (error) {
        if (fate.failsAt === undefined && fate.killedAt === undefined) throw error;
        return remains(possible, 0);
      }
      const present = (): Content => ({
        heartbeat: checkpoints.heartbeat(),
        volumes: checkpoints.volumes().map(({ volumeName }) => volumeName),
      });
      let acknowledged = present();
      assert.ok(
        possible.map(textOf).includes(textOf(acknowledged)),
        `found ${textOf(acknowledged)}, and not ${possible.map(textOf).join(" or ")}`,
      );
      let left = [acknowledged];
      let failed = 0;
      for (const { to, make } of changes) {
        const made = await make(checkpoints);
        const changed = to(acknowledged);
        if (made.ok) assert.deepEqual(present(), changed);
        // A removal and a heartbeat count also where they could not be written.
        acknowledged = present();
        const isWritten = made.ok && checkpoints.unwritten() === undefined;
        // One that failed may have reached the disk all the same.
        left = isWritten ? [changed] : [...left, changed];
        failed = isWritten ? 0 : failed + 1;
      }
      return remains(left, failed);
    }

    const seen = new Set<string>();
    /** Whether no earlier crash has left the same bytes with the same expectations. */
    function isNew({ inodes, names }: DiskState, possible: readonly Content[]): boolean {
      const hash = createHash("sha256").update(possible.map(textOf).join());
      for (const [path, index] of names) hash.update(path).update(inodes[index]?.memory ?? "");
      const key = hash.digest("hex");
      return !seen.has(key) && seen.add(key).has(key);
    }

    /** Also the next change is made on what a power failure has left. */
    async function expectKept({ state, possible }: Remains): Promise<void> {
      for (const left of afterPowerFailure(state).filter((found) => isNew(found, possible)))
        assert.equal((await live({ state: left, possible }, [beat(50)])).failed, 0);
    }

    /** The power fails now, and at each call of the process that is started next. */
    async function expectKeptByNext(remains: Remains): Promise<void> {
      await expectKept(remains);
      const { calls } = await live(remains, laterChanges);
      for (let killedAt = 1; killedAt <= calls; killedAt += 1)
        await expectKept(await live(remains, laterChanges, { killedAt }));
    }

    it("are there after a kill at each call and a power failure", async () => {
      const start = { state: diskWith({}), possible: [nothing] };
      const { calls } = await live(start, changes);
      for (let killedAt = 1; killedAt <= calls; killedAt += 1)
        await expectKeptByNext(await live(start, changes, { killedAt }));
    });

    it("are there after an error at each call, too", async () => {
      const start = { state: diskWith({}), possible: [nothing] };
      const { calls } = await live(start, changes);
      for (let failsAt = 1; failsAt <= calls; failsAt += 1) {
        for (let killedAt = failsAt + 1; killedAt <= calls; killedAt += 1)
          await expectKept(await live(start, changes, { failsAt, killedAt }));
        await expectKeptByNext(await live(start, changes, { failsAt, killedAt: failsAt + 1 }));
      }
    });

    it("are written again after an error, and nothing of it is left", async () => {
      const start = { state: diskWith({}), possible: [nothing] };
      const opened = await live(start, []);
      const { calls } = await live(start, changes);
      for (let failsAt = opened.calls + 1; failsAt <= calls; failsAt += 1) {
        const { state, failed } = await live(start, [...changes, beat(10), beat(11), beat(12)], { failsAt });
        assert.equal(failed, 0, `fails after an error at call ${failsAt}`);
        for (const path of [pathOf(), secondPathOf()]) {
          const { memory = Buffer.alloc(0) } = state.inodes[state.names.get(path) ?? -1] ?? {};
          const content = decodeSlot(memory);
          assert.ok(content !== undefined, `a damaged file is left after an error at call ${failsAt}`);
          const rest = memory.toString("latin1", encodeSlot(content).length);
          assert.ok(
            /^\n*$/u.test(rest),
            `text of an earlier write is left after an error at call ${failsAt}`,
          );
        }
      }
    });
  });
