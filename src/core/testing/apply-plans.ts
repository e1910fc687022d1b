import type { AzVolumeAttachment } from "../api/az-volume-attachment.ts";
import type { WriterRecord } from "../api/az-volume.ts";
import { identityOf, type NodeIdentity } from "../api/identity/node-identity.ts";
import { isTerminating, isOutOfService, type ObservedVolume } from "../attachment/observed-volume.ts";
import { type AttachmentAction, planAttachment } from "../attachment/plan-attachment.ts";
import {
  planUnrequestedTime,
  type UnrequestedTime,
  withUnrequestedTime,
} from "../attachment/plan-unrequested-time.ts";
import { planReplicas } from "../attachment/replicas/plan-replicas.ts";
import type { ReplicaAction } from "../attachment/replicas/replica-action.ts";
import { unreachable } from "../failure/invariant.ts";
import { planWriter } from "../writer/plan-writer.ts";
import { nodesIn } from "../writer/record/record-nodes.ts";
import {
  distrust,
  endFence,
  beginFence,
  release,
  grant,
  identifyByUid,
  preempt,
  isInQuarantine,
  proveClean,
  revoke,
  type Step,
  withdraw,
  renew,
} from "../writer/record/writer-steps.ts";
import type { WriterAction } from "../writer/writer-action.ts";
import { agoMs, anObservedVolume, aReplica, attachmentName } from "./objects.ts";

/**
 * A volume after one round: its plans are executed, every cloud operation succeeds, and healthy nodes
 * act.
 */
export function applyPlans(observed: ObservedVolume): ObservedVolume {
  let next = observed;
  for (const action of planWriter(observed)) next = applyWriterAction(next, action);
  for (const action of planReplicas(observed)) next = applyReplicaAction(next, action);
  next = withPlannedUnrequestedTime(next, planUnrequestedTime(observed));
  for (const { attachment } of observed.attachments) {
    const action = planAttachment(next, attachment);
    if (action !== undefined) next = applyAttachmentAction(next, attachment, action);
  }
  return nodesAct(finishFence(next));
}

/** Nodes that may have the volume mounted to write, by the record. */
export function mayWrite(observed: ObservedVolume): readonly string[] {
  const record = observed.volume.status?.record;
  return record?.writer?.held === true ? [record.writer.nodeName] : [];
}

/** VMs that have the disk in Azure, or may. */
export function sharesTaken(observed: ObservedVolume): number {
  return observed.attachments.filter(({ attachment }) =>
    ["Attaching", "Attached", "Detaching", "DetachmentFailed"].includes(
      attachment.status?.state ?? "Pending",
    ),
  ).length;
}

function applyWriterAction(observed: ObservedVolume, action: WriterAction): ObservedVolume {
  switch (action.kind) {
    case "Grant":
      return moved(observed, (record) => grant(record, action.node));
    case "Revoke":
      return moved(observed, revoke);
    case "Distrust":
      return moved(observed, (record) => distrust(record, action.node, action.as));
    case "Identify":
      return moved(observed, (record) => identifyByUid(record, action.node));
    case "BeginFence":
      return moved(observed, (record) => beginFence(record, action.node, action));
    case "RecordPreempted":
      return moved(observed, (record) => preempt(record, action.node, action.epoch));
    case "AskAzure":
      return action.mayBeGone
        ? moved(observed, (record) => beginFence(record, action.node, { distrusts: true }))
        : afterAnswer(observed, action.node);
    case "Recall":
      return changed(observed, action.attachmentName, ({ spec: { recall: _, ...spec }, ...attachment }) => ({
        ...attachment,
        spec: action.isDue ? { ...spec, recall: { id: "recall", since: agoMs(0) } } : spec,
      }));
    case "Withdraw":
      return action.from === "record"
        ? moved(observed, (record) => withdraw(record, action.node))
        : changed(
            observed,
            attachmentName(action.nodeName),
            ({ spec: { writerRequest: _, ...spec }, ...attachment }) => ({
              ...attachment,
              spec: { ...spec, role: "Replica" },
            }),
          );
    case "ReleaseCheck":
    case "WaitFor":
    case "Report":
    case "Requeue":
      return observed;
    default:
      return unreachable(action);
  }
}

/** Azure shows the VM as running without the disk. */
function afterAnswer(observed: ObservedVolume, node: NodeIdentity): ObservedVolume {
  const vm = { ...node, powerState: "running", dataDisks: [] } as const;
  return planWriter({ ...observed, vm })
    .filter(({ kind }) => kind !== "AskAzure")
    .reduce(applyWriterAction, observed);
}

function withPlannedUnrequestedTime(
  observed: ObservedVolume,
  planned: UnrequestedTime | undefined,
): ObservedVolume {
  const { volume } = observed;
  if (planned === undefined || volume.status === undefined) return observed;
  return { ...observed, volume: { ...volume, status: withUnrequestedTime(volume.status, planned) } };
}

function applyReplicaAction(observed: ObservedVolume, action: ReplicaAction): ObservedVolume {
  switch (action.kind) {
    case "CreateReplica":
      return withAttachments(observed, [
        ...attachmentsOf(observed),
        aReplica(action.nodeName, { metadata: { creationTimestamp: agoMs(0) }, status: undefined }),
      ]);
    case "DeleteAttachment":
      return changed(observed, action.attachmentName, (attachment) => ({
        ...attachment,
        metadata: { ...attachment.metadata, deletionTimestamp: agoMs(0) },
      }));
    case "ReplicasMissing":
    case "Requeue":
      return observed;
    default:
      return unreachable(action);
  }
}

function applyAttachmentAction(
  observed: ObservedVolume,
  attachment: AzVolumeAttachment,
  action: AttachmentAction,
): ObservedVolume {
  const { name } = attachment.metadata;
  switch (action.kind) {
    case "Attach":
      return changed(observed, name, (present) =>
        isTerminating(present)
          ? present
          : {
              ...present,
              status: {
                ...present.status,
                state: "Attached",
                vmId: action.node.vmId,
                instanceUri: action.node.instanceUri,
                lun: 0,
              },
            },
      );
    case "Detach":
    case "RemoveUnattached":
    case "RemoveProvenOff":
      return withAttachments(
        observed,
        attachmentsOf(observed).filter((other) => other.metadata.name !== name),
      );
    case "TakeBackDetach":
      return changed(observed, name, (present) => {
        if (present.status === undefined) return present;
        const { attempt: _, ...status } = present.status;
        return { ...present, status: { ...status, state: "Attached" } };
      });
    case "LeaveDisk":
      return attachment.metadata.deletionTimestamp === undefined
        ? changed(observed, name, (present) => ({ ...present, status: { state: "Pending" } }))
        : withAttachments(
            observed,
            attachmentsOf(observed).filter((other) => other.metadata.name !== name),
          );
    case "DetachEarlier":
      return changed(observed, name, (present) => ({ ...present, status: { state: "Pending" } }));
    case "Recreate": {
      const { metadata, status: _, ...kept } = attachment;
      const { deletionTimestamp: __, ...stays } = metadata;
      return withAttachments(
        observed,
        attachmentsOf(observed).map((other) =>
          other.metadata.name === name ? { ...kept, metadata: stays } : other,
        ),
      );
    }
    case "RecordRole":
      return changed(observed, name, (present) =>
        present.status === undefined
          ? present
          : { ...present, status: { ...present.status, role: action.role } },
      );
    case "Wait":
      return observed;
    default:
      return unreachable(action);
  }
}

/** A fence that was begun ends with a proof. */
function finishFence(observed: ObservedVolume): ObservedVolume {
  return moved(observed, (record) =>
    record.fencing === undefined ? refused : endFence(record, record.fencing, record),
  );
}

/**
 * The nodes' own actions: release what is not requested, report clean. Nodes that are out of service do
 * nothing.
 */
function nodesAct(observed: ObservedVolume): ObservedVolume {
  let next = observed;
  for (const node of observed.nodes()) {
    if (isOutOfService(observed, node.nodeName)) continue;
    const identity = identityOf(node);
    const hasAttachment = observed.attachments.some(
      ({ attachment }) => attachment.metadata.name === attachmentName(node.nodeName),
    );
    next = moved(next, (record) =>
      record.writer?.requested === true ? refused : release(record, identity, record.writer?.epoch ?? 0),
    );
    next = moved(next, (record) => proveClean(record, identity, "unverified"));
    next = moved(next, (record) =>
      isInQuarantine(record, identity) && (hasAttachment || nodesIn(record, "quarantined").length > 0)
        ? proveClean(record, identity, "quarantined")
        : refused,
    );
    next = moved(next, (record) =>
      hasRequest(observed, node.nodeName) && record.writer?.requested === false && record.writer.held
        ? renew(record, identity)
        : refused,
    );
  }
  return next;
}

const refused: Step = { ok: false, failure: "not asked for" };

function hasRequest(observed: ObservedVolume, nodeName: string): boolean {
  return observed.attachments.some(
    ({ attachment }) => attachment.spec.nodeName === nodeName && attachment.spec.writerRequest !== undefined,
  );
}

function moved(observed: ObservedVolume, step: (record: WriterRecord) => Step): ObservedVolume {
  const { volume } = observed;
  const { status } = volume;
  const next = status?.record === undefined ? refused : step(status.record);
  return next.ok && status !== undefined
    ? { ...observed, volume: { ...volume, status: { ...status, record: next.value } } }
    : observed;
}

function changed(
  observed: ObservedVolume,
  name: string,
  change: (attachment: AzVolumeAttachment) => AzVolumeAttachment,
): ObservedVolume {
  return withAttachments(
    observed,
    attachmentsOf(observed).map((attachment) =>
      attachment.metadata.name === name ? change(attachment) : attachment,
    ),
  );
}

function attachmentsOf(observed: ObservedVolume): readonly AzVolumeAttachment[] {
  return observed.attachments.map(({ attachment }) => attachment);
}

function withAttachments(
  observed: ObservedVolume,
  attachments: readonly AzVolumeAttachment[],
): ObservedVolume {
  return anObservedVolume({ ...observed, attachments });
}
