import type { AzDriverNode } from "../../core/api/az-driver-node.ts";
import type { AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import type { AzVolume } from "../../core/api/az-volume.ts";
import { labelledClaim } from "../../core/api/claim-labels.ts";
import { diskUriOf } from "../../core/api/identity/disk-uri-of.ts";
import { believedMountProblems } from "../../core/attachment/plan-mount-events.ts";
import { lastingMountProblems, mountProblemDetail } from "../../core/events/mount-problem-message.ts";
import { isTrouble } from "../../core/states/count-states.ts";
import type { ControllerReport } from "./controller-report.ts";

/** core/v1 Event, as far as it is shown. */
export interface VolumeEvent {
  readonly type: string;
  readonly reason: string;
  readonly message: string;
  readonly count?: number;
  readonly lastTimestamp?: string | null;
  readonly involvedObject: { readonly name: string };
}

/** What the store and Kubernetes say of one volume. */
export interface VolumeReport {
  readonly volume: AzVolume;
  readonly attachments: readonly AzVolumeAttachment[];
  /** The nodes of its attachments and of its writer. */
  readonly nodes: readonly AzDriverNode[];
  /** Earliest first. */
  readonly events: readonly VolumeEvent[];
  readonly eventsNotRead?: string | undefined;
  readonly controller: ControllerReport;
}

/** Events that are shown of a volume: the latest. */
const EVENTS_MAX = 10;
const WELL: readonly string[] = ["Created", "Updated"];

/** Whether a controller leads, and nothing of a volume has failed, waits, or is on a node in trouble. */
export function isFine({ volume, attachments, nodes, controller }: VolumeReport): boolean {
  const { status } = volume;
  if (controller.leads === false) return false;
  if (status === undefined || !WELL.includes(status.state) || status.error !== undefined) return false;
  const { record, conditions } = status;
  if (record?.fencing !== undefined || conditions.some(isTrouble)) return false;
  if (record?.nodes.some(({ access, barrierPending }) => access === "unverified" || barrierPending))
    return false;
  const isReady = (nodeName: string): boolean =>
    nodeOf(nodes, nodeName)?.status?.readyForVolumeAllocation === true;
  return (
    (record?.writer === undefined || isReady(record.writer.nodeName)) &&
    attachments.every(
      (attachment) =>
        isWell(attachment, nodeOf(nodes, attachment.spec.nodeName)) && isMountWell(volume, attachment),
    )
  );
}

/** A repair is no state: the file system is well, whatever it has lost. */
function isMountWell(volume: AzVolume, attachment: AzVolumeAttachment): boolean {
  return believedMountProblems(volume, attachment).every(({ reason }) =>
    lastingMountProblems.every((lasting) => lasting !== reason),
  );
}

/**
 * Whether an attachment has what it is for, and its node is ready. A condition of its volume says whether its
 * mount is well.
 */
export function isWell({ status }: AzVolumeAttachment, node: AzDriverNode | undefined): boolean {
  return (
    status?.state === "Attached" &&
    status.error === undefined &&
    !status.deviceMissing &&
    node?.status?.readyForVolumeAllocation === true
  );
}

function nodeOf(nodes: readonly AzDriverNode[], nodeName: string): AzDriverNode | undefined {
  return nodes.find(({ spec }) => spec.nodeName === nodeName);
}

/** A volume for people: a line each for what it has, for the controller, and for its latest events. */
export function describeVolume(report: VolumeReport): string {
  const { volume, attachments, nodes, events, eventsNotRead, controller } = report;
  const { status } = volume;
  const claim = labelledClaim(volume.metadata.labels);
  const rows: readonly (readonly [what: string, text: string])[] = [
    ...(claim === undefined ? [] : [["claim", claim] as const]),
    ["disk", disk(volume)],
    ["record", record(volume)],
    ...attachments.map(
      (attachment) => ["attachment", describeAttachment(volume, attachment, nodes)] as const,
    ),
    ...(status?.conditions ?? []).map(
      ({ type, status: value, reason, message }) =>
        ["condition", `${type} ${value} (${reason}): ${message}`] as const,
    ),
    ...(status?.error === undefined ? [] : [["failure", failure(status.error)] as const]),
    ["controller", controller.detail],
    ...(eventsNotRead === undefined ? [] : [["events", `not read (${eventsNotRead})`] as const]),
    ...events.slice(-EVENTS_MAX).map((event) => ["event", describeEvent(event)] as const),
  ];
  const lines = rows.map(([what, text]) => `  ${what.padEnd(10)}  ${text}`);
  return [`${volume.metadata.name}: ${isFine(report) ? "fine" : "not fine"}`, ...lines].join("\n");
}

function disk(volume: AzVolume): string {
  const { metadata, spec, status } = volume;
  const { sizeGiB, skuName } = status?.detail ?? spec.disk;
  const uri = diskUriOf(volume) ?? "no disk yet";
  const ending = metadata.deletionTimestamp === undefined ? "" : ", being deleted";
  const state = status?.state ?? "Pending";
  return `${state}: ${uri}, ${sizeGiB} GiB ${skuName}, maxShares ${spec.disk.maxShares}${ending}`;
}

function record({ status }: AzVolume): string {
  if (status?.record === undefined) return "none";
  const { writer, fencing, nodes, defaultAccess, epoch } = status.record;
  const states = [
    ...(writer?.held === true ? ["held"] : []),
    ...(writer?.requested === true ? ["requested"] : []),
  ];
  const refused = fencing?.preempted === undefined ? "" : ", whose writes the disk refuses";
  return [
    writer === undefined ? "no writer" : `writer ${writer.nodeName} (${states.join(", ") || "idle"})`,
    ...(fencing === undefined ? [] : [`fencing ${fencing.nodeName}${refused}`]),
    ...nodes.map(
      ({ nodeName, access = defaultAccess, barrierPending }) =>
        `${nodeName === "" ? "a VM that is no node" : nodeName} ${access}${barrierPending ? ", barrier pending" : ""}`,
    ),
    ...(defaultAccess === "clean" ? [] : [`others ${defaultAccess}`]),
    `epoch ${epoch}`,
  ].join("; ");
}

function describeAttachment(
  volume: AzVolume,
  attachment: AzVolumeAttachment,
  nodes: readonly AzDriverNode[],
): string {
  const { spec, status } = attachment;
  const lun = status?.lun === undefined ? "" : ` at LUN ${status.lun}`;
  const missing = status?.deviceMissing === true ? ", device missing" : "";
  const problems = believedMountProblems(volume, attachment)
    .map(({ reason, since }) => `, ${reason} since ${mountProblemDetail(since)}`)
    .join("");
  const node = nodeOf(nodes, spec.nodeName)?.status;
  const health =
    node === undefined
      ? "no node plug-in has registered there"
      : `node ${node.readyForVolumeAllocation ? "ready" : "not ready"} (${node.statusMessage}), ` +
        `last heartbeat ${node.lastHeartbeatTime}`;
  const why = status?.error === undefined ? "" : `; ${failure(status.error)}`;
  return `${spec.nodeName} ${spec.role} ${status?.state ?? "Pending"}${lun}${missing}${problems}; ${health}${why}`;
}

/** The message states the remedy, as that of an event does. */
function failure({ kind, message, time, retries }: NonNullable<NonNullable<AzVolume["status"]>["error"]>) {
  return `${kind} at ${time}, ${retries} retries: ${message}`;
}

function describeEvent({ type, reason, message, count = 1, lastTimestamp }: VolumeEvent): string {
  return `${lastTimestamp ?? ""} ${type} ${reason}${count > 1 ? ` (${count} times)` : ""}: ${message}`;
}
