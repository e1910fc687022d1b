import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { instanceUriOf } from "./azure/vm-names.ts";
import { objectsIn } from "./history/objects-in.ts";
import { type Frozen, withFrozenWriter } from "./testing/with-frozen-writer.ts";

/**
 * How long a frozen VM without a Node keeps its disk, in milliseconds: beyond the six minutes after which
 * Kubernetes detaches by force.
 */
const KEEPS_MS = 480_000;

/**
 * How soon the pod of a deleted VM runs elsewhere, in milliseconds: a minute until Kubernetes deletes it, and
 * another one until Kubernetes notices that the VolumeAttachment is gone.
 */
const MOVES_MS = 180_000;

const volume = ({ world }: Frozen) => world.store.objects("AzVolume")[0]?.status;

function isWrittenElsewhere(frozen: Frozen): boolean {
  const { world, nodeName } = frozen;
  const writer = volume(frozen)?.record?.writer;
  return (
    writer !== undefined &&
    writer.nodeName !== nodeName &&
    world.cluster.pods().some((pod) => pod.isReady && pod.nodeName === writer.nodeName)
  );
}

/** The paths of the VMs that controllers have read in Azure, each with the status codes of the responses. */
function vmsAsked({ world }: Frozen): ReadonlyMap<string, ReadonlySet<number>> {
  const asked = new Map<string, Set<number>>();
  for (const { path, status, caller } of world.azure.model.journal.since(0)) {
    if (!path.includes("/virtualMachines/") || caller?.startsWith("controller-") !== true) continue;
    asked.set(path, (asked.get(path) ?? new Set()).add(status));
  }
  return asked;
}

/** Who attaches, and whether Kubernetes detaches from a deleted Node at once. */
const attachers = [
  { attach: "kubernetes", name: "kubernetes", forgetsDeletedNodes: undefined },
  { attach: "kubernetes", name: "kubernetes 1.38", forgetsDeletedNodes: true },
  { attach: "driver", name: "driver", forgetsDeletedNodes: undefined },
] as const;

describe("a frozen VM whose Node is deleted", () => {
  for (const { attach, name, forgetsDeletedNodes } of attachers) {
    const run = (act: (frozen: Frozen) => Promise<void>): Promise<void> =>
      withFrozenWriter(attach, act, { forgetsDeletedNodes });
    it(`is fenced at its resource id, and the pod runs elsewhere, attach: ${name}`, () =>
      run(async (frozen) => {
        const { world, nodeName, until, events } = frozen;
        // The Node is deleted at the moment at which the fence begins: from then on only the record names
        // the VM.
        const stopListening = world.store.onCommit((commit) => {
          const { after } = objectsIn(commit, "AzVolume");
          if (after?.status?.record?.fencing?.nodeName !== nodeName) return;
          stopListening();
          world.cluster.deleteNode(nodeName);
        });
        world.cluster.setOutOfService(nodeName, true);
        await until("the pod to run elsewhere", () => isWrittenElsewhere(frozen));
        assert.equal(
          world.cluster.nodes().some(({ name }) => name === nodeName),
          false,
        );
        const known = ["node-a", "node-b", "node-c"].map((name) => instanceUriOf(name));
        assert.deepEqual(
          [...vmsAsked(frozen)].filter(([path, statuses]) => !known.includes(path) || statuses.has(404)),
          [],
        );
        const proof = events().find((line) => line.includes("Fenced: "));
        assert.match(
          proof ?? "",
          /VM flex_node-[abc] \(.*\) has no entry for the disk/u,
          "the VM exists: its disk was detached",
        );
        assert.deepEqual(world.azure.vmOf(nodeName)?.dataDisks, []);
      }));

    it(`keeps its disk until it is marked or Azure has the VM no more, attach: ${name}`, () =>
      run(async (frozen) => {
        const { world, nodeName, until } = frozen;
        world.cluster.deleteNode(nodeName);
        await world.clock.runUntil(() => isWrittenElsewhere(frozen), KEEPS_MS);
        const { writer, fencing } = volume(frozen)?.record ?? {};
        assert.deepEqual(
          [writer?.nodeName, writer?.instanceUri, fencing],
          [nodeName, instanceUriOf(nodeName), undefined],
        );
        assert.equal(world.azure.vmOf(nodeName)?.dataDisks.length, 1);
        world.azure.deleteVm(nodeName);
        await until("the pod to run elsewhere", () => isWrittenElsewhere(frozen));
      }));

    it(`keeps no pod waiting for six minutes once its VM is gone, too, attach: ${name}`, () =>
      run(async (frozen) => {
        const { world, nodeName } = frozen;
        world.azure.deleteVm(nodeName);
        world.cluster.deleteNode(nodeName);
        await world.clock.runUntil(() => isWrittenElsewhere(frozen), MOVES_MS);
        assert.equal(isWrittenElsewhere(frozen), true);
      }));
  }
});
