import { resourceUriKey } from "../../../src/core/azure/ids/disk-uri.ts";
import { nodesIn } from "../../../src/core/writer/record/record-nodes.ts";
import type { Kind } from "../../../src/ports/store/object-store.ts";
import type { SimWorld } from "../../world.ts";

/** How often a person retries what the API server refuses. */
const TRIES_MAX = 5;

async function deleteByHand(world: SimWorld, kind: Kind, name: string, isForced: boolean): Promise<void> {
  const operator = world.store.handle("operator");
  const { signal } = new AbortController();
  await operator.delete(kind, name, {}, signal);
  for (let tries = 0; isForced && tries < TRIES_MAX; tries++) {
    const left = await operator.get(kind, name, signal);
    if (!left.ok || (left.value.metadata.finalizers ?? []).length === 0) return;
    await operator.update(
      kind,
      { ...left.value, metadata: { ...left.value.metadata, finalizers: [] } },
      signal,
    );
  }
}

/**
 * Deletes an object as a person with kubectl does, in the background; `isForced`: removes its finalizers,
 * too.
 */
export function erase(world: SimWorld, kind: Kind, name: string, isForced: boolean): void {
  deleteByHand(world, kind, name, isForced).catch((error: unknown) =>
    world.report({
      invariant: "crashed",
      detail: `an operator can't delete ${kind} ${name}: ${String(error)}`,
    }),
  );
}

/** Deletes all AzVolumeAttachments of an AzVolume in that way. */
export function eraseAttachmentsOf(world: SimWorld, volume: string | undefined, isForced: boolean): void {
  for (const { metadata, spec } of world.store.objects("AzVolumeAttachment"))
    if (spec.volumeName === volume) erase(world, "AzVolumeAttachment", metadata.name, isForced);
}

/** Deletes the AzVolumeAttachments of all replicas on a node in that way. */
export function eraseReplicasOn(world: SimWorld, nodeName: string): void {
  for (const { metadata, spec } of world.store.objects("AzVolumeAttachment"))
    if (spec.nodeName === nodeName && spec.role === "Replica")
      erase(world, "AzVolumeAttachment", metadata.name, false);
}

/** Deletes the controllers' Lease in that way. */
export function eraseLease(world: SimWorld): void {
  for (const { metadata } of world.store.objects("Lease")) erase(world, "Lease", metadata.name, false);
}

/** Deletes all objects of the driver in that way, or as `isForced` says. */
export function eraseEverything(world: SimWorld, isForced: boolean): void {
  for (const kind of ["AzVolumeAttachment", "AzVolume", "AzDriverNode"] as const)
    for (const { metadata } of world.store.objects(kind)) erase(world, kind, metadata.name, isForced);
}

/**
 * Deletes the AzVolumes of disks that are gone and whose records name a VM that is gone, too, in that way:
 * with neither of them there is no proof that both were not moved, so the driver waits for a person.
 */
export function eraseUnprovable(world: SimWorld): void {
  const { disks, virtualMachines } = world.azure.model.world;
  const vmIds = new Set([...virtualMachines.values()].map(({ vmGuid }) => vmGuid));
  for (const { metadata, status } of world.store.objects("AzVolume")) {
    const diskUri = status?.detail?.diskUri;
    if (diskUri === undefined || disks.has(resourceUriKey(diskUri))) continue;
    const named = nodesIn(status?.record, "writer", "fencing", "unverified");
    if (named.some(({ vmId }) => !vmIds.has(vmId))) erase(world, "AzVolume", metadata.name, false);
  }
}
