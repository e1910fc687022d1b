import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AzVolume } from "../core/api/az-volume.ts";
import { nodeLabel } from "../core/api/node-labels.ts";
import { aVolumeWithRecord, aWriter, identity } from "../core/testing/objects.ts";
import { changedRecord, type RecordChanges } from "../core/testing/record-lists.ts";
import { must } from "../core/testing/value-of.ts";
import type { StepName } from "../ports/steps.ts";
import { labelFirst } from "./label-first.ts";
import { type ReconcileWorld, withControllerPorts } from "./testing/a-controller.ts";

const never = new AbortController().signal;

/** What a commit shows of a volume: its node labels, and the writer of its record. */
interface Shown {
  readonly labels: readonly string[];
  readonly writer: string | undefined;
}

function shown({ metadata, status }: AzVolume): Shown {
  return { labels: Object.keys(metadata.labels ?? {}), writer: status?.record?.writer?.nodeName };
}

async function onIdleVolume(
  act: (
    world: ReconcileWorld,
    change: (record: RecordChanges) => AzVolume,
    commits: () => readonly Shown[],
  ) => Promise<void>,
): Promise<void> {
  await withControllerPorts(async (world) => {
    await world.given("AzVolume", aVolumeWithRecord({}));
    const before = world.commits.length;
    const change = (record: RecordChanges): AzVolume => {
      const present = world.volume();
      assert.ok(present?.status?.record !== undefined);
      return {
        ...present,
        status: { ...present.status, record: changedRecord(present.status.record, record) },
      };
    };
    await act(world, change, () => world.commits.slice(before).map(({ after }) => shown(after as AzVolume)));
  });
}

describe("labelFirst", () => {
  it("labels a volume before its record names a node", () =>
    onIdleVolume(async ({ ports }, change, commits) => {
      const steps: StepName[] = [];
      const store = labelFirst(ports.store, {
        run: (step, take) => {
          steps.push(step);
          return take();
        },
      });
      const granted = await must(
        store.updateStatus("AzVolume", change({ writer: aWriter("node-a") }), never),
      );
      const labels = [nodeLabel("node-a")];
      assert.deepEqual(commits(), [
        { labels, writer: undefined },
        { labels, writer: "node-a" },
      ]);
      assert.deepEqual(shown(granted), { labels, writer: "node-a" });
      assert.deepEqual(steps, ["label-nodes"]);
    }));

  it("writes once where the label is there", () =>
    onIdleVolume(async ({ ports }, change, commits) => {
      const store = labelFirst(ports.store, ports.steps);
      await must(store.updateStatus("AzVolume", change({ quarantined: [identity("node-a")] }), never));
      const before = commits().length;
      await must(store.updateStatus("AzVolume", change({ writer: aWriter("node-a") }), never));
      assert.equal(commits().length - before, 1);
    }));

  it("changes nothing on a version that is no longer the present one", () =>
    onIdleVolume(async ({ ports, other }, change, commits) => {
      const store = labelFirst(ports.store, ports.steps);
      const stale = change({ writer: aWriter("node-a") });
      await must(other.updateStatus("AzVolume", change({ writer: aWriter("node-b") }), never));
      const refused = await store.updateStatus("AzVolume", stale, never);
      assert.deepEqual(refused, {
        ok: false,
        failure: { kind: "ObjectConflict", objectKind: "AzVolume", name: "pvc-1" },
      });
      assert.deepEqual(commits(), [{ labels: [], writer: "node-b" }]);
    }));

  it("refuses the record where another client has changed it since the label", () =>
    onIdleVolume(async ({ ports, other }, change, commits) => {
      const { store } = ports;
      const interrupted: typeof store.update = async (...update) => {
        const written = await store.update(...update);
        await must(other.updateStatus("AzVolume", change({ writer: aWriter("node-b") }), never));
        return written;
      };
      const labelling = labelFirst({ ...store, update: interrupted }, ports.steps);
      const refused = await labelling.updateStatus("AzVolume", change({ writer: aWriter("node-a") }), never);
      assert.equal(refused.ok ? undefined : refused.failure.kind, "ObjectConflict");
      assert.equal(commits().at(-1)?.writer, "node-b");
    }));
});
