import type { AzVolumeAttachment } from "../../../src/core/api/az-volume-attachment.ts";
import { isSameResourceUri, resourceUriKey } from "../../../src/core/azure/ids/disk-uri.ts";
import { nodesIn } from "../../../src/core/writer/record/record-nodes.ts";
import { endDailyLimits } from "../../azure/end-daily-limits.ts";
import { eraseUnprovable } from "../../faults/objects/delete-by-hand.ts";
import { markOutOfService } from "../../faults/processes/mark-out-of-service.ts";
import type { OutsideEvents } from "../../history/outside-events.ts";
import type { VmChanges } from "../../history/vm-changes.ts";
import type { SimWorld } from "../../world.ts";
import type { DesiredVolumes } from "../desired-volumes.ts";
import type { Operations } from "../operations.ts";

/** What operators do at once, and how long they then wait, in milliseconds. */
export interface HealingStep {
  readonly act: () => void;
  readonly thenMs: () => number;
}

/** What others have left behind in a storm. */
export interface LeftByOthers {
  /** Volumes whose pods are restarted. */
  readonly toRestart: ReadonlySet<string>;
  /** Keys of disks that a person has attached by hand. */
  readonly attachedByHand: ReadonlySet<string>;
}

/** What a healing acts on. */
export interface HealingParts {
  readonly world: SimWorld;
  readonly nodeNames: () => readonly string[];
  readonly outside: OutsideEvents;
  readonly vmChanges: Pick<VmChanges, "isDetachRequested">;
  readonly desired: DesiredVolumes;
  readonly operations: Operations;
}

/** How long a machine is back before it may be called well again, in milliseconds. */
const BACK_FOR_MS = 60_000;
/**
 * How long what others asked of Azure may still come, in milliseconds: they are refused while it is busy,
 * and try again.
 */
const OUTSIDERS_DONE_MS = 120_000;

/** What operators do after the storm so that everything can come to rest. */
export function createHealing(parts: HealingParts, left: LeftByOthers): readonly HealingStep[] {
  let isRequestedAgain = false;
  return [
    {
      act: () => {
        bringBack(parts);
        settleWorkloads(parts);
      },
      thenMs: () => (isAnyOutOfService(parts) ? BACK_FOR_MS : 0),
    },
    {
      act: () => {
        for (const nodeName of parts.nodeNames()) {
          markOutOfService(parts, nodeName, false);
          parts.world.azure.powerOn(nodeName);
          parts.world.nodePlugin(nodeName)?.start();
        }
      },
      thenMs: () => (left.toRestart.size > 0 ? OUTSIDERS_DONE_MS : 0),
    },
    {
      act: () => {
        detachWhatOthersLeft(parts.world, left.attachedByHand);
        eraseUnprovable(parts.world);
        isRequestedAgain = requestFailedDetachesAgain(parts);
      },
      thenMs: () => (isRequestedAgain ? OUTSIDERS_DONE_MS : 0),
    },
    { act: () => restartPods(parts, left.toRestart), thenMs: () => 0 },
  ];
}

/** Every machine, process and connection works again. */
function bringBack({ world, nodeNames }: HealingParts): void {
  const { azure, cluster } = world;
  cluster.setApiReachable(true);
  azure.model.faults.clear();
  endDailyLimits(azure.model.world);
  for (const name of nodeNames()) {
    azure.thaw(name);
    azure.powerOn(name);
    cluster.setKubeletReachable(name, true);
    cluster.setKubeletRunning(name, true);
    const plugin = world.nodePlugin(name);
    plugin?.store.setReachable(true);
    plugin?.store.holdWatches(false);
    plugin?.store.clearWeather();
    plugin?.setWallClockAhead(0);
    plugin?.resume();
    plugin?.start();
  }
  for (const controller of world.controllers) {
    controller.store.setReachable(true);
    controller.store.holdWatches(false);
    controller.store.clearWeather();
    controller.setAzureReachable(true);
    controller.setClockRate(1);
    controller.setWallClockAhead(0);
    controller.resume();
    controller.start();
    cluster.holdView(controller.name, false);
    cluster.setProcessReachable(controller.name, true);
  }
}

/** Each volume that is left gets one pod, on any node. */
function settleWorkloads({ world, desired, operations }: HealingParts): void {
  operations.uncordonAll();
  for (const { volumeName, isDestroyed } of desired.all()) {
    if (!isDestroyed) continue;
    desired.delete(volumeName);
    world.cluster.deleteWorkload(volumeName);
  }
  for (const { volumeName } of desired.all()) operations.act({ kind: "scale", volumeName, pods: 1 });
}

/** If no node is out of service, no machine has to be back for a while. */
function isAnyOutOfService({ world, nodeNames, outside }: HealingParts): boolean {
  return (
    nodeNames().some(outside.wasOutOfService) ||
    world.cluster.nodes().some(({ isOutOfService }) => isOutOfService)
  );
}

/** A person who attached a disk by hand detaches it again, also if Azure refused that at first. */
function detachWhatOthersLeft(world: SimWorld, attachedByHand: ReadonlySet<string>): void {
  const { azure, store } = world;
  const attachments = store.objects("AzVolumeAttachment");
  for (const vm of azure.model.world.virtualMachines.values()) {
    for (const { diskId } of vm.dataDisks) {
      const isOnVm = ({ spec, status }: AzVolumeAttachment): boolean =>
        status?.vmId === vm.vmGuid || spec.nodeName === azure.nodeNameAt(vm.id);
      const isKnown = attachments.some(
        (attachment) => isOnVm(attachment) && isSameResourceUri(attachment.spec.volumeId, diskId),
      );
      const isByHand = !isKnown && attachedByHand.has(resourceUriKey(diskId));
      if (isByHand || isKeptFromNewRecord(world, vm.id, diskId)) azure.detachOutsideAt(vm.id, diskId);
    }
  }
}

/**
 * Whether the driver waits for a person to take a disk off a VM that has lost its node's name, and says so
 * (`AttachedToForeignVM`). It may where the volume's record was made again since: that VM is no node then.
 * Where the record is the one that it was, the driver has to find its way by itself.
 */
function isKeptFromNewRecord({ azure, store }: SimWorld, instanceUri: string, diskUri: string): boolean {
  if (azure.nodeNameAt(instanceUri) !== undefined) return false;
  return store.objects("AzVolume").some(({ status }) => {
    const isOf = isSameResourceUri(status?.detail?.diskUri ?? "", diskUri);
    return (
      isOf &&
      status?.record?.defaultAccess === "quarantined" &&
      nodesIn(status.record, "unverified").some((node) => isSameResourceUri(node.instanceUri, instanceUri))
    );
  });
}

/**
 * A client whose detach has failed requests it again: Azure keeps the failed request, and would carry it
 * out with the driver's next change of the VM. Returns whether there was any.
 */
function requestFailedDetachesAgain({ world: { azure }, vmChanges }: HealingParts): boolean {
  const failed = [...azure.model.world.virtualMachines.values()].flatMap((vm) =>
    vm.dataDisks
      .filter(({ diskId, phase }) => phase === "DetachFailed" && vmChanges.isDetachRequested(vm.id, diskId))
      .map(({ diskId }) => ({ vm, diskId })),
  );
  for (const { vm, diskId } of failed) azure.detachOutsideAt(vm.id, diskId);
  return failed.length > 0;
}

function restartPods({ world: { cluster }, operations }: HealingParts, toRestart: ReadonlySet<string>): void {
  for (const volumeName of toRestart) {
    const pods = cluster.pods().filter((pod) => pod.volumeName === volumeName);
    // Any of those that share a volume may be the one that lost its disk.
    for (const { nodeName } of pods.length > 1 ? pods : [])
      cluster.deletePod(volumeName, { isForced: false, nodeName });
    if (pods.length <= 1) operations.act({ kind: "restart", volumeName, isForced: false });
  }
}
