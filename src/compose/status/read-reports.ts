import type { ApiClient } from "../../adapters/kubernetes/api/api-client.ts";
import type { ApiObject } from "../../adapters/kubernetes/api/api-object.ts";
import { listPages } from "../../adapters/kubernetes/api/list-pages.ts";
import { claimsIn, coreResources, readCoreObject } from "../../adapters/kubernetes/core/core-object-calls.ts";
import type { PersistentVolume } from "../../adapters/kubernetes/core/core-persistent-volume.ts";
import type { AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import type { AzVolume } from "../../core/api/az-volume.ts";
import { claimLabels, type NamedClaim } from "../../core/api/claim-labels.ts";
import { diskUriOf } from "../../core/api/identity/disk-uri-of.ts";
import { CONTROLLER_LEASE } from "../../core/api/lease.ts";
import { isSameResourceUri } from "../../core/azure/ids/disk-uri.ts";
import { describeFailure } from "../../core/failure/describe-failure.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Kind, KindMap, ObjectStore } from "../../ports/store/object-store.ts";
import { type ControllerReport, controllerReport } from "./controller-report.ts";
import { isFine, isWell, type VolumeEvent, type VolumeReport } from "./volume-report.ts";

/** Volumes of which a report is made; the others are counted. */
const REPORTS_MAX = 500;

export interface ReportSources {
  readonly store: Pick<ObjectStore, "get">;
  /** The objects of a kind that are worth keeping, sorted by name: of the others none stays in memory. */
  readonly listKept: <K extends Kind>(
    kind: K,
    isKept: (object: KindMap[K]) => boolean,
    signal: AbortSignal,
  ) => Promise<Result<readonly KindMap[K][]>>;
  /** Undefined without Kubernetes: there are no claims and no events then. */
  readonly client: ApiClient | undefined;
  readonly namespace: string;
  readonly clock: Pick<Clock, "nowMs">;
}

/** The same of a store whose lists are in memory in any case. */
export function keptOf(store: Pick<ObjectStore, "list">): ReportSources["listKept"] {
  return async (kind, isKept, signal) => {
    const listed = await store.list(kind, {}, signal);
    return listed.ok ? ok(listed.value.items.filter(isKept)) : listed;
  };
}

interface Reports {
  /** Of the volume that was asked for; else of those that are not fine, the first 500 by name. */
  readonly reports: readonly VolumeReport[];
  /** Volumes that were looked at. */
  readonly count: number;
  /** Of these, how many are not fine. */
  readonly notFine: number;
  readonly controller: ControllerReport;
}

/**
 * What is reported of each volume that is not fine, or with `name` of that claim, volume or disk, sorted by
 * name. It runs in the container of a controller: objects that no report needs leave memory page by page, and
 * a controller is not ended for want of memory.
 */
export async function readReports(
  sources: ReportSources,
  name: string | undefined,
  signal: AbortSignal,
): Promise<Reports> {
  const controller = await readController(sources, signal);
  const nodes = valueOf(await sources.listKept("AzDriverNode", () => true, signal));
  const found =
    name === undefined
      ? await volumesNotFine(sources, { nodes, controller }, signal)
      : await volumesNamed(name, sources, signal);
  const names = new Set(found.volumes.map(({ metadata }) => metadata.name));
  const attachments =
    names.size === 0
      ? []
      : valueOf(
          await sources.listKept("AzVolumeAttachment", ({ spec }) => names.has(spec.volumeName), signal),
        );
  const { events, notRead: eventsNotRead } = await readEvents(sources, names, signal);
  const reports = found.volumes.map((volume) =>
    reportOf(volume, { attachments, nodes, events, eventsNotRead, controller }),
  );
  return {
    reports,
    count: found.count,
    notFine: found.notFine ?? reports.filter((each) => !isFine(each)).length,
    controller,
  };
}

function reportOf(volume: AzVolume, all: Omit<VolumeReport, "volume">): VolumeReport {
  const attachments = all.attachments.filter(({ spec }) => spec.volumeName === volume.metadata.name);
  const nodeNames = [
    ...attachments.map(({ spec }) => spec.nodeName),
    volume.status?.record?.writer?.nodeName,
  ];
  return {
    ...all,
    volume,
    attachments,
    nodes: all.nodes.filter(({ spec }) => nodeNames.includes(spec.nodeName)),
    events: all.events.filter(({ involvedObject }) => involvedObject.name === volume.metadata.name),
  };
}

interface FoundVolumes {
  readonly volumes: readonly AzVolume[];
  readonly count: number;
  /** Undefined: only the reports show it. */
  readonly notFine?: number;
}

/** The first volumes that are not fine, and how many are. */
async function volumesNotFine(
  { listKept }: ReportSources,
  all: Pick<VolumeReport, "nodes" | "controller">,
  signal: AbortSignal,
): Promise<FoundVolumes> {
  const inTrouble = new Set<string>();
  const byNode = new Map(all.nodes.map((node) => [node.spec.nodeName, node]));
  const isAttachmentKept = (attachment: AzVolumeAttachment): boolean => {
    if (!isWell(attachment, byNode.get(attachment.spec.nodeName))) inTrouble.add(attachment.spec.volumeName);
    return false;
  };
  valueOf(await listKept("AzVolumeAttachment", isAttachmentKept, signal));
  const seen = new Set<string>();
  const notFine = new Set<string>();
  const isKept = (volume: AzVolume): boolean => {
    const { name } = volume.metadata;
    seen.add(name);
    const writerNode = byNode.get(volume.status?.record?.writer?.nodeName ?? "");
    const nodes = writerNode === undefined ? [] : [writerNode];
    const report = { volume, attachments: [], nodes, events: [], controller: all.controller };
    if (isFine(report) && !inTrouble.has(name)) return false;
    notFine.add(name);
    return notFine.size <= REPORTS_MAX;
  };
  const volumes = valueOf(await listKept("AzVolume", isKept, signal));
  return { volumes, count: seen.size, notFine: notFine.size };
}

type Claim = ApiObject & { readonly spec: { readonly volumeName?: string } };

export class NoSuchVolume extends Error {}

/**
 * The volumes of a name: `<namespace>/<claim>`, a volume, a PersistentVolume or a disk. A person may lack
 * the right to read claims there, or PersistentVolumes, which Kubernetes' role `view` leaves out: the labels
 * of the volumes then say which it is.
 */
async function volumesNamed(
  name: string,
  { client, listKept }: ReportSources,
  signal: AbortSignal,
): Promise<FoundVolumes> {
  const those = async (isKept: (volume: AzVolume) => boolean): Promise<FoundVolumes> => {
    const volumes = valueOf(await listKept("AzVolume", isKept, signal));
    return { volumes, count: volumes.length };
  };
  const withDisk = (disk: string): Promise<FoundVolumes> =>
    those((volume) => isSameResourceUri(diskUriOf(volume) ?? "", disk));
  if (name.startsWith("/")) return withDisk(name);
  const own = await those(({ metadata }) => metadata.name === name);
  if (own.count > 0) return own;
  const [namespace = "", claimName] = name.split("/");
  if (claimName === undefined) return ofPersistentVolume(name);
  const claim = await readFrom<Claim>(client, claimsIn(namespace), claimName, signal);
  if (!claim.ok) return labelled({ namespace, name: claimName }, claim.failure);
  const volumeName = claim.value?.spec.volumeName;
  if (volumeName === undefined)
    throw new NoSuchVolume(
      `${name}: ${claim.value === undefined ? "there is no such claim" : "it has no volume yet"}`,
    );
  return ofPersistentVolume(volumeName);

  async function ofPersistentVolume(volume: string): Promise<FoundVolumes> {
    const persistent = await readFrom<PersistentVolume>(
      client,
      coreResources.persistentVolumes,
      volume,
      signal,
    );
    if (!persistent.ok) return labelled({ volume }, persistent.failure);
    const disk = persistent.value?.spec.csi?.volumeHandle ?? persistent.value?.spec.azureDisk?.diskURI;
    return disk === undefined ? those(({ spec }) => spec.volumeName === volume) : withDisk(disk);
  }

  async function labelled(claim: NamedClaim, failure: Failure): Promise<FoundVolumes> {
    const labels = Object.entries(claimLabels(claim));
    const found = await those(({ metadata }) =>
      labels.every(([key, value]) => metadata.labels?.[key] === value),
    );
    if (found.count === 0) throw new Error(describeFailure(failure));
    return found;
  }
}

/** An object that Kubernetes has; undefined: there is none. */
async function readFrom<T extends ApiObject>(
  client: ApiClient | undefined,
  collection: string,
  name: string,
  signal: AbortSignal,
): Promise<Result<T | undefined>> {
  return client === undefined ? ok(undefined) : readCoreObject<T>(client, collection, name, signal);
}

async function readEvents(
  { client, namespace }: ReportSources,
  names: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<{ readonly events: readonly VolumeEvent[]; readonly notRead?: string }> {
  if (client === undefined || names.size === 0) return { events: [] };
  const [only] = names.size === 1 ? names : [];
  const fieldSelector = `involvedObject.kind=AzVolume${only === undefined ? "" : `,involvedObject.name=${only}`}`;
  const listed = await listPages(
    client,
    {
      path: `/api/v1/namespaces/${encodeURIComponent(namespace)}/events`,
      query: { fieldSelector },
    },
    (item) => (names.has((item as VolumeEvent).involvedObject.name) ? [item as VolumeEvent] : []),
    signal,
  );
  if (!listed.ok) return { events: [], notRead: describeFailure(listed.failure) };
  const events = listed.value.items
    .flat()
    .toSorted((one, other) => ((one.lastTimestamp ?? "") < (other.lastTimestamp ?? "") ? -1 : 1));
  return { events };
}

async function readController(
  { store, clock }: ReportSources,
  signal: AbortSignal,
): Promise<ControllerReport> {
  const lease = await store.get("Lease", CONTROLLER_LEASE, signal);
  if (lease.ok) return controllerReport(lease.value, clock.nowMs());
  return lease.failure.kind === "ObjectNotFound"
    ? controllerReport(undefined, clock.nowMs())
    : { leads: undefined, detail: `Lease not read (${describeFailure(lease.failure)})` };
}

function valueOf<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(describeFailure(result.failure));
  return result.value;
}
