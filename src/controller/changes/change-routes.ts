import type { AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import { rebuildMarkOf } from "../../core/api/lease.ts";
import { holdsShare } from "../../core/attachment/plan-attachment.ts";
import { invariant } from "../../core/failure/invariant.ts";
import { dependsOnAttachments } from "../../core/volume/plan-disk.ts";
import { isNamed } from "../../core/writer/record/record-nodes.ts";
import type { ObjectChange } from "../../objects/cache/object-cache.ts";
import type { Kind } from "../../ports/store/object-store.ts";
import type { ControllerPorts } from "../controller-ports.ts";
import { mayHaveOrphans } from "../fencing/delete-orphans.ts";
import { hasReturned, mayBeStopped } from "../nodes/mark-stopped-nodes.ts";
import {
  isAttachmentErased,
  isDetachMarked,
  isDiskNew,
  isKeptFromNow,
  isLabelLost,
  isMountProblemChanged,
  isMoreThanHeartbeat,
  isPlaced,
  mustReconcileAttachment,
  mustReconcileVolume,
  isRefusalChanged,
  isSlotFreed,
  isVolumeErased,
  leftQuarantine,
  leftUnverified,
  newlyBarrierPending,
} from "./object-changes.ts";
import { createWakers, ONLY_KEY, type RoutedLoops } from "./wakers.ts";

type OnNode = Parameters<ControllerPorts["users"]["onChange"]>[0];
type OnAttachment = Parameters<ControllerPorts["clusterVolumes"]["onChange"]>[0];

/** What queues the keys of the loops. */
export interface ChangeRoutes {
  readonly onChange: (change: ObjectChange) => void;
  readonly onNode: OnNode;
  readonly onAttachment: OnAttachment;
  /** Queues every object, whether or not a change was seen. */
  readonly addEverything: () => void;
}

/** What the orchestrator reports: a change of a node, or of the users of volumes there. */
interface OrchestratorChange {
  readonly nodeName: string;
  readonly changed: Parameters<OnNode>[1];
  /** The disk of the only volume whose users have changed; undefined: any of the node's may have. */
  readonly volumeId?: string | undefined;
}

/** One row of the table: which changes wake which loops. */
interface Route<C> {
  readonly when: (change: C) => boolean;
  readonly wake: (change: C) => void;
}

type ObjectRoutes = { readonly [K in Kind]: readonly Route<ObjectChange<K>>[] };

interface Routes extends ObjectRoutes {
  readonly orchestrator: readonly Route<OrchestratorChange>[];
}

/**
 * Decides which change wakes which loops, and with which keys. Adds the nodes for whose changes volumes are
 * to be searched to `changedNodes`.
 */
export function createChangeRoutes(
  ports: ControllerPorts,
  loops: RoutedLoops,
  changedNodes: Set<string>,
): ChangeRoutes {
  const { cache, settings, users } = ports;
  const wakers = createWakers(ports, loops, changedNodes);
  const holds = (attachment: AzVolumeAttachment | undefined): boolean =>
    attachment !== undefined && holdsShare(ports, attachment);
  const isUnverified = ({ volumeName, nodeName }: AzVolumeAttachment["spec"]): boolean =>
    isNamed(cache.get("AzVolume", volumeName)?.status?.record, nodeName, "unverified");

  const routes: Routes = {
    AzVolume: [
      { when: isVolumeErased, wake: wakers.recoverSoon },
      // What hindered its marks may have been over in a moment.
      { when: isKeptFromNow, wake: () => loops.rebuild.queue.add(ONLY_KEY) },
      { when: isLabelLost, wake: ({ name }) => loops.volume.queue.add(name) },
      // One of a volume that does not exist blocks an attachment of this volume to that node.
      { when: isDiskNew, wake: ({ current }) => wakers.addAttachmentsOfDisk(current) },
      {
        when: mustReconcileVolume,
        wake: (change) => {
          wakers.addVolumeAlone(change.name);
          wakers.addAttachmentsOf(change.name);
          for (const nodeName of leftQuarantine(change)) {
            wakers.addAttachmentsOn(nodeName);
            wakers.placeOn(nodeName);
          }
          for (const nodeName of leftUnverified(change)) wakers.addAttachmentsOn(nodeName);
          for (const nodeName of newlyBarrierPending(change)) loops.barrier.queue.add(nodeName);
        },
      },
    ],
    AzVolumeAttachment: [
      { when: isAttachmentErased, wake: wakers.recoverSoon },
      { when: isSlotFreed, wake: (change) => wakers.placeOn(specOf(change).nodeName) },
      {
        when: (change) => isPlaced(change) && isUnverified(specOf(change)),
        wake: (change) => wakers.addAttachmentsOn(specOf(change).nodeName),
      },
      { when: isRefusalChanged, wake: (change) => loops.volume.queue.add(specOf(change).volumeName) },
      {
        when: isMountProblemChanged,
        wake: (change) => {
          loops.mountEvents.queue.add(change.name);
          loops.volume.queue.add(specOf(change).volumeName);
        },
      },
      // Not where its own loop has marked it: a pass right after a detach would ask Azure for it again.
      { when: isDetachMarked, wake: (change) => loops.attachment.queue.remind(change.name) },
      {
        when: (change) => mustReconcileAttachment(change, settings),
        wake: (change) => {
          const { volumeName } = specOf(change);
          loops.attachment.queue.add(change.name);
          loops.volume.queue.add(volumeName);
          wakers.addFence(volumeName);
          const volume = cache.get("AzVolume", volumeName);
          if (volume !== undefined && dependsOnAttachments(volume)) loops.disk.queue.add(volumeName);
          // Of its other attachments only the number of shares matters to each of them.
          if (holds(change.previous) !== holds(change.current)) wakers.addAttachmentsOf(volumeName);
        },
      },
    ],
    AzDriverNode: [
      {
        // The changed node may be of use to any volume. Only those that name it or its VM don't wait.
        when: isMoreThanHeartbeat,
        wake: ({ name }) => {
          loops.diskLimit.queue.add(name);
          wakers.addVolumesOn(name);
          wakers.addAttachmentsOn(name);
          wakers.askForEntriesOf(name);
          wakers.placeOn(name);
          wakers.remindNode(name);
          loops.rebuild.queue.add(ONLY_KEY);
          wakers.resyncSoon();
        },
      },
    ],
    Lease: [
      {
        when: ({ previous, current }) => rebuildMarkOf(current) > rebuildMarkOf(previous),
        wake: () => loops.rebuild.queue.add(ONLY_KEY),
      },
      {
        when: ({ previous, current }) => rebuildMarkOf(current) < rebuildMarkOf(previous),
        wake: wakers.trustRebuilt,
      },
    ],
    ClusterNode: [],
    // The state of a node and its users. The plans of writers and replicas use it; those of disks and
    // attachments do not.
    orchestrator: [
      {
        when: ({ changed }) => changed === "node",
        wake: ({ nodeName }) => {
          wakers.placeOn(nodeName);
          wakers.askForEntriesOf(nodeName);
        },
      },
      {
        when: ({ nodeName, changed }) => changed === "node" && mayBeStopped(users.cachedNode(nodeName)),
        wake: ({ nodeName }) => loops.stoppedNodes.queue.addWhenDue(nodeName),
      },
      {
        when: ({ nodeName, changed }) => changed === "node" && hasReturned(users.cachedNode(nodeName)),
        wake: ({ nodeName }) => loops.returnedNodes.queue.add(nodeName),
      },
      { when: () => true, wake: ({ nodeName, volumeId }) => wakers.addUsersOf(nodeName, volumeId) },
      {
        when: ({ nodeName }) => users.cachedNode(nodeName).isGone,
        wake: ({ nodeName }) => loops.driverNode.queue.add(nodeName),
      },
      {
        when: ({ nodeName }) => mayHaveOrphans(ports, nodeName),
        wake: ({ nodeName }) => loops.orphans.queue.addWhenDue(nodeName),
      },
    ],
  };

  const objectRoutes: ObjectRoutes = routes;
  function onChange<K extends Kind>(change: ObjectChange<K>): void {
    take(objectRoutes[change.kind], change);
  }

  return {
    onChange,
    onNode: (nodeName, changed) => take(routes.orchestrator, { nodeName, changed }),
    onAttachment: (nodeName, volumeId) => take(routes.orchestrator, { nodeName, changed: "users", volumeId }),
    addEverything: wakers.addEverything,
  };
}

/** Takes every row that applies, in the order of the table. */
function take<C>(routes: readonly Route<C>[], change: C): void {
  for (const { when, wake } of routes) if (when(change)) wake(change);
}

/** A change has at least one of both. */
function specOf({ previous, current }: ObjectChange<"AzVolumeAttachment">): AzVolumeAttachment["spec"] {
  const attachment = current ?? previous;
  invariant(attachment !== undefined, "a change without an object");
  return attachment.spec;
}
