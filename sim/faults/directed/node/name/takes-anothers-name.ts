import type { Access, AzVolume, WriterRecord } from "../../../../../src/core/api/az-volume.ts";
import type { NodeIdentity } from "../../../../../src/core/api/identity/node-identity.ts";
import type { ObjectStore } from "../../../../../src/ports/store/object-store.ts";
import { stolenToken } from "../../../../admission/stolen-token.ts";
import type { SimWorld } from "../../../../world.ts";
import {
  diceAgain,
  type FaultContext,
  type FaultVariant,
  nodeOfPod,
  overAtOnce,
  pick,
} from "../../../fault-class.ts";
import { eraseLease } from "../../../objects/delete-by-hand.ts";

/** How often the holder of the token acts, in milliseconds. */
const ROUND_MS = 500;
/**
 * From the name's move until the controllers see it, in milliseconds. No fault delays watches for more
 * than 90 s.
 */
const SEEN_AFTER_MS = [0, 10_000, 30_000, 60_000, 85_000] as const;
/** From the deletion of a Node until a person erases the Lease, in milliseconds. */
const LOST_AFTER_MS = 10_000;
/**
 * From the deletion of a Node until its name is given away, in milliseconds: every record has been
 * rebuilt.
 */
const GIVEN_AWAY_AFTER_MS = 40_000;
const never = new AbortController().signal;

/**
 * The name of the pod's node is given to another VM, with a Node of its own, while the earlier VM is
 * frozen and keeps its disks: it could thaw at any time. The holder of the next Node's token changes what
 * it may of the earlier VM's entries in the records. The controllers may not have seen the next Node yet.
 * A person deletes the earlier VM in the end.
 */
export const takesAnothersName = nameGivenAway((_, __, giveAway) => giveAway());

/** The same, with every record rebuilt before, while there is no Node of that name. */
export const takesMissingNodesName = nameGivenAway((context, nodeName, giveAway) => {
  context.world.azure.freeze(nodeName);
  deleteNode(context, nodeName);
  context.later(LOST_AFTER_MS, () => eraseLease(context.world));
  context.later(GIVEN_AWAY_AFTER_MS, giveAway);
});

/** `begin` is called with the function that gives the name away. */
function nameGivenAway(
  begin: (context: FaultContext, nodeName: string, giveAway: () => void) => void,
): FaultVariant {
  return {
    forMs: [60_000, 150_000],
    isDirected: true,
    delaysNews: true,
    begin: (context, fault) => {
      const { world, later } = context;
      const nodeName = nodeOfPod(world, fault);
      const earlier = world.azure.machineOf(nodeName);
      if (earlier?.state() !== "running") return overAtOnce;
      let isGivenAway = false;
      let isOver = false;
      const hold = (isHeld: boolean): void => {
        for (const { name } of world.controllers) world.cluster.holdView(name, isHeld);
      };
      const store = world.store.handle(stolenToken(nodeName));
      const act = (): void => {
        if (isOver) return;
        moveEarlierEntries(world, store, nodeName).catch((error: unknown) =>
          world.report({ invariant: "crashed", detail: `a fault: ${String(error)}` }),
        );
        later(ROUND_MS, act);
      };
      begin(context, nodeName, () => {
        isGivenAway = true;
        hold(true);
        later(pick(SEEN_AFTER_MS, diceAgain(fault.dice, 1)), () => hold(false));
        world.azure.freeze(nodeName);
        world.azure.moveName(nodeName);
        deleteNode(context, nodeName);
        later(ROUND_MS, act);
      });
      return () => {
        isOver = true;
        hold(false);
        if (isGivenAway) world.azure.deleteVmAt(earlier.instanceUri);
        else world.azure.thaw(nodeName);
      };
    },
  };
}

/** Its mark is deleted with it. */
function deleteNode({ world, outside }: FaultContext, nodeName: string): void {
  outside.noteOutOfService(nodeName, false);
  world.cluster.deleteNode(nodeName);
}

/** With the token of the present Node: one of the earlier Node would be that VM's own. */
async function moveEarlierEntries(world: SimWorld, store: ObjectStore, nodeName: string): Promise<void> {
  const machine = world.azure.machineOf(nodeName);
  const node = world.cluster.nodes().find(({ name }) => name === nodeName);
  if (machine === undefined || node?.instanceUri !== machine.instanceUri) return;
  const isEarlier = (entry: NodeIdentity): boolean =>
    entry.nodeName === nodeName && entry.vmId !== machine.vmGuid;
  for (const { metadata } of world.store.objects("AzVolume")) {
    for (const move of moves) {
      const volume = world.store.objects("AzVolume").find((other) => other.metadata.name === metadata.name);
      if (volume?.status?.record !== undefined)
        await tryMove(store, volume, move(volume.status.record, isEarlier));
    }
  }
}

/** A refusal of the API server is ignored. */
async function tryMove(
  store: ObjectStore,
  volume: AzVolume,
  record: WriterRecord | undefined,
): Promise<void> {
  if (record === undefined || volume.status === undefined) return;
  await store.updateStatus("AzVolume", { ...volume, status: { ...volume.status, record } }, never);
}

type Move = (record: WriterRecord, isEarlier: (entry: NodeIdentity) => boolean) => WriterRecord | undefined;

/** Withdraw, release, leave quarantine and report clean, each by itself. */
const moves: readonly Move[] = [
  (record, isEarlier) => {
    const { writer } = record;
    return writer?.requested === true && isEarlier(writer)
      ? { ...record, writer: { ...writer, requested: false } }
      : undefined;
  },
  (record, isEarlier) => {
    const { writer } = record;
    return writer?.held === true && isEarlier(writer)
      ? { ...record, writer: { ...writer, held: false } }
      : undefined;
  },
  (record, isEarlier) => without(record, "quarantined", isEarlier),
  (record, isEarlier) => without(record, "unverified", isEarlier),
];

function without(
  record: WriterRecord,
  access: Access,
  isEarlier: (node: NodeIdentity) => boolean,
): WriterRecord | undefined {
  const nodes = record.nodes.filter((entry) => entry.access !== access || !isEarlier(entry));
  return nodes.length === record.nodes.length ? undefined : { ...record, nodes };
}
