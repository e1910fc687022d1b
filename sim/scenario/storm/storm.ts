import type { AzVolumeAttachment } from "../../../src/core/api/az-volume-attachment.ts";
import { isSameResourceUri, resourceUriKey } from "../../../src/core/azure/ids/disk-uri.ts";
import { nodesIn } from "../../../src/core/writer/record/record-nodes.ts";
import { endDailyLimits } from "../../azure/end-daily-limits.ts";
import type { FaultContext } from "../../faults/fault-class.ts";
import { faultClasses } from "../../faults/fault-classes.ts";
import { eraseUnprovable } from "../../faults/objects/delete-by-hand.ts";
import { markOutOfService } from "../../faults/processes/mark-out-of-service.ts";
import type { OutsideEvents } from "../../history/outside-events.ts";
import type { VmChanges } from "../../history/vm-changes.ts";
import type { SimWorld } from "../../world.ts";
import type { DesiredVolumes } from "../desired-volumes.ts";
import type { Operations } from "../operations.ts";
import type { Scenario, TimedFault } from "../scenario.ts";

/** The acts and faults of a scenario, from the moment it was made. */
export interface Storm {
  /** When something is due next, by the world's clock; undefined once the storm is over. */
  nextAtMs(): number | undefined;
  /** Does all that is due now. */
  doDue(): void;
  /**
   * What operators do after the storm so that everything can come to rest, and how long they then wait, in
   * milliseconds.
   */
  healing(): readonly { readonly act: () => void; readonly thenMs: () => number }[];
}

interface Entry {
  readonly atMs: number;
  readonly act: () => void;
}

/** A cordon is taken back after this long, in milliseconds. */
const UNCORDON_MS = 20_000;
/** How long a machine is back before it may be called well again, in milliseconds. */
const BACK_FOR_MS = 60_000;
/**
 * How long what others asked of Azure may still come, in milliseconds: they are refused while it is busy,
 * and try again.
 */
const OUTSIDERS_DONE_MS = 120_000;

/** The storm begins when `doDue` is called first. */
export function createStorm(parts: {
  readonly scenario: Pick<Scenario, "acts" | "faults" | "stormMs">;
  readonly world: SimWorld;
  /** The cluster that shares the resource group, if any. */
  readonly beside: SimWorld | undefined;
  readonly nodeNames: () => readonly string[];
  readonly outside: OutsideEvents;
  readonly vmChanges: Pick<VmChanges, "isAskedAway">;
  readonly desired: DesiredVolumes;
  readonly operations: Operations;
}): Storm {
  const { scenario, world, beside, nodeNames, outside, vmChanges, desired, operations } = parts;
  const { clock, cluster, azure } = world;
  const entries: Entry[] = [];
  const toRestart = new Set<string>();
  const attachedByHand = new Set<string>();
  const underWay = new Map<TimedFault, () => void>();
  let isBegun = false;
  let isAskedAgain = false;
  const over = new AbortController();

  function add(atMs: number, act: () => void): void {
    let at = entries.length;
    while (at > 0 && (entries[at - 1]?.atMs ?? 0) > atMs) at--;
    entries.splice(at, 0, { atMs, act });
  }
  const context: FaultContext = {
    world,
    beside,
    outside,
    get nodeNames() {
      return nodeNames();
    },
    // By the clock itself: a strike at a step of a process may ask for it between two looks at what is
    // due.
    later: (ms, act) => {
      clock
        .sleep(ms, over.signal)
        .then(
          () => {
            if (!over.signal.aborted) act();
          },
          (error: unknown) => {
            if (!over.signal.aborted) throw error;
          },
        )
        .catch((error: unknown) =>
          world.report({
            invariant: "crashed",
            detail: `a fault: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
          }),
        );
    },
    create: (workload) => {
      operations.act({ kind: "apply", workload });
      desired.ofFault(workload.volumeName);
    },
    act: operations.act,
    grow: (volumeName, sizeGiB) => operations.act({ kind: "grow", volumeName, sizeGiB }),
    destroyed: desired.destroyed,
    toRestart: (volumeName) => {
      toRestart.add(volumeName);
      attachedByHand.add(resourceUriKey(cluster.diskUriOf(volumeName) ?? ""));
    },
  };

  function begin(): void {
    isBegun = true;
    const startedAtMs = clock.elapsedMs();
    world.trace.note("weather", "the storm begins");
    for (const { atMs, act } of scenario.acts) {
      add(startedAtMs + atMs, () => operations.act(act));
      if (act.kind === "move" || act.kind === "drain")
        add(startedAtMs + atMs + UNCORDON_MS, operations.uncordonAll);
    }
    for (const fault of scenario.faults) {
      add(startedAtMs + fault.atMs, () => strike(fault));
      add(startedAtMs + Math.min(fault.atMs + fault.forMs, scenario.stormMs), () => endFault(fault));
    }
    add(startedAtMs + scenario.stormMs, end);
  }

  /**
   * Whether the driver waits for a person to take a disk off a VM that has lost its node's name, and says so
   * (`AttachedToForeignVM`). It may where the volume's record was made again since: that VM is no node then.
   * Where the record is the one that it was, the driver has to find its way by itself.
   */
  function isKeptFromNewRecord(instanceUri: string, diskUri: string): boolean {
    if (azure.nodeNameAt(instanceUri) !== undefined) return false;
    return world.store.objects("AzVolume").some(({ status }) => {
      const isOf = isSameResourceUri(status?.detail?.diskUri ?? "", diskUri);
      return (
        isOf &&
        status?.record?.defaultAccess === "quarantined" &&
        nodesIn(status.record, "unverified").some((node) => isSameResourceUri(node.instanceUri, instanceUri))
      );
    });
  }

  /** A person who attached a disk by hand detaches it again, also if Azure refused that at first. */
  function takeOffWhatOthersLeft(): void {
    const attachments = world.store.objects("AzVolumeAttachment");
    for (const vm of azure.model.world.virtualMachines.values()) {
      for (const { diskId } of vm.dataDisks) {
        const isOnVm = ({ spec, status }: AzVolumeAttachment): boolean =>
          status?.vmId === vm.vmGuid || spec.nodeName === azure.nodeNameAt(vm.id);
        const isKnown = attachments.some(
          (attachment) => isOnVm(attachment) && isSameResourceUri(attachment.spec.volumeId, diskId),
        );
        if ((!isKnown && attachedByHand.has(resourceUriKey(diskId))) || isKeptFromNewRecord(vm.id, diskId))
          azure.detachOutsideAt(vm.id, diskId);
      }
    }
  }

  /**
   * A client whose detach has failed requests it again: Azure keeps the failed request, and would carry it
   * out with the driver's next change of the VM. Returns whether there was any.
   */
  function askAgainWhatFailed(): boolean {
    const failed = [...azure.model.world.virtualMachines.values()].flatMap((vm) =>
      vm.dataDisks
        .filter(({ diskId, phase }) => phase === "DetachFailed" && vmChanges.isAskedAway(vm.id, diskId))
        .map(({ diskId }) => ({ vm, diskId })),
    );
    for (const { vm, diskId } of failed) azure.detachOutsideAt(vm.id, diskId);
    return failed.length > 0;
  }

  function strike(fault: TimedFault): void {
    world.trace.note(
      "fault",
      `${fault.fault}/${fault.variant} begins (${fault.nodeName}, ${fault.volumeName}, ${fault.dice})`,
    );
    const variant = faultClasses[fault.fault].variants[fault.variant];
    if (variant === undefined) return;
    const { delaysNews = false } = variant;
    if (delaysNews) outside.noteDelayedNews(true);
    const undo = variant.begin(context, fault);
    underWay.set(fault, () => {
      undo();
      if (delaysNews) outside.noteDelayedNews(false);
    });
  }

  function endFault(fault: TimedFault): void {
    const undo = underWay.get(fault);
    if (undo === undefined) return;
    underWay.delete(fault);
    world.trace.note("fault", `${fault.fault}/${fault.variant} ends`);
    undo();
  }

  function end(): void {
    for (const fault of [...underWay.keys()]) endFault(fault);
    over.abort(new Error("the storm is over"));
    entries.length = 0;
  }

  /** If no node is out of service, no machine has to be back for a while. */
  function isAnyOutOfService(): boolean {
    return (
      nodeNames().some(outside.wasOutOfService) ||
      cluster.nodes().some(({ isOutOfService }) => isOutOfService)
    );
  }

  return {
    nextAtMs: () => (isBegun ? entries[0]?.atMs : clock.elapsedMs()),
    doDue: () => {
      if (!isBegun) begin();
      for (
        let first = entries[0];
        first !== undefined && first.atMs <= clock.elapsedMs();
        first = entries[0]
      ) {
        entries.shift();
        first.act();
      }
    },
    healing: () => [
      {
        act: () => {
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
          operations.uncordonAll();
          for (const { volumeName, isDestroyed } of desired.all()) {
            if (!isDestroyed) continue;
            desired.delete(volumeName);
            cluster.deleteWorkload(volumeName);
          }
          for (const { volumeName } of desired.all()) operations.act({ kind: "scale", volumeName, pods: 1 });
        },
        thenMs: () => (isAnyOutOfService() ? BACK_FOR_MS : 0),
      },
      {
        act: () => {
          for (const nodeName of nodeNames()) {
            markOutOfService({ world, outside }, nodeName, false);
            azure.powerOn(nodeName);
            world.nodePlugin(nodeName)?.start();
          }
        },
        thenMs: () => (toRestart.size > 0 ? OUTSIDERS_DONE_MS : 0),
      },
      {
        act: () => {
          takeOffWhatOthersLeft();
          eraseUnprovable(world);
          isAskedAgain = askAgainWhatFailed();
        },
        thenMs: () => (isAskedAgain ? OUTSIDERS_DONE_MS : 0),
      },
      {
        act: () => {
          for (const volumeName of toRestart) {
            const pods = world.cluster.pods().filter((pod) => pod.volumeName === volumeName);
            // Any of those that share a volume may be the one that lost its disk.
            for (const { nodeName } of pods.length > 1 ? pods : [])
              world.cluster.deletePod(volumeName, { isForced: false, nodeName });
            if (pods.length <= 1) operations.act({ kind: "restart", volumeName, isForced: false });
          }
        },
        thenMs: () => 0,
      },
    ],
  };
}
