import type { ApiClient } from "../../adapters/kubernetes/api/api-client.ts";
import type { ApiObject } from "../../adapters/kubernetes/api/api-object.ts";
import {
  claimsIn,
  type CoreResource,
  coreResources,
  readCoreObject,
} from "../../adapters/kubernetes/core/core-object-calls.ts";
import type { PersistentVolume } from "../../adapters/kubernetes/core/core-persistent-volume.ts";
import type { AzVolume } from "../../core/api/az-volume.ts";
import { diskUriOf } from "../../core/api/identity/disk-uri-of.ts";
import { CONTROLLER_LEASE } from "../../core/api/lease.ts";
import { isSameResourceUri } from "../../core/azure/ids/disk-uri.ts";
import { describeFailure } from "../../core/failure/describe-failure.ts";
import type { Failure } from "../../core/failure/failure.ts";
import type { Result } from "../../core/failure/result.ts";
import type { Clock } from "../../ports/clock.ts";
import type { ObjectStore } from "../../ports/store/object-store.ts";
import { type ControllerReport, controllerReport } from "./controller-report.ts";
import type { VolumeEvent, VolumeReport } from "./volume-report.ts";

/** Where a report comes from. */
export interface ReportSources {
  readonly store: Pick<ObjectStore, "get" | "list">;
  /** Undefined without Kubernetes: there are no claims and no events then. */
  readonly client: ApiClient | undefined;
  readonly namespace: string;
  readonly clock: Pick<Clock, "nowMs">;
}

/** What is reported of each volume, sorted by name; with `name`, of that claim, volume or disk alone. */
export async function readReports(
  sources: ReportSources,
  name: string | undefined,
  signal: AbortSignal,
): Promise<readonly VolumeReport[]> {
  const { store } = sources;
  const { items: all } = valueOf(await store.list("AzVolume", {}, signal));
  const volumes = name === undefined ? all : await volumesNamed(name, all, sources, signal);
  const { items: attachments } = valueOf(await store.list("AzVolumeAttachment", {}, signal));
  const { items: nodes } = valueOf(await store.list("AzDriverNode", {}, signal));
  const { events, notRead: eventsNotRead } = await readEvents(sources, signal);
  const controller = await readController(sources, signal);
  return volumes.map((volume) => {
    const own = attachments.filter(({ spec }) => spec.volumeName === volume.metadata.name);
    const nodeNames = [...own.map(({ spec }) => spec.nodeName), volume.status?.record?.writer?.nodeName];
    return {
      volume,
      attachments: own,
      nodes: nodes.filter(({ spec }) => nodeNames.includes(spec.nodeName)),
      events: events.filter(({ involvedObject }) => involvedObject.name === volume.metadata.name),
      eventsNotRead,
      controller,
    };
  });
}

/** A claim, as far as it is read here. */
type Claim = ApiObject & { readonly spec: { readonly volumeName?: string } };

/** The volumes of a name: `<namespace>/<claim>`, a volume, a PersistentVolume or a disk. */
async function volumesNamed(
  name: string,
  volumes: readonly AzVolume[],
  { client }: ReportSources,
  signal: AbortSignal,
): Promise<readonly AzVolume[]> {
  const withDisk = (disk: string): readonly AzVolume[] =>
    volumes.filter((volume) => isSameResourceUri(diskUriOf(volume) ?? "", disk));
  if (name.startsWith("/")) return withDisk(name);
  const own = volumes.filter(({ metadata }) => metadata.name === name);
  if (own.length > 0) return own;
  const read = async <T extends ApiObject>(of: CoreResource, object: string): Promise<T | undefined> =>
    client === undefined ? undefined : valueOf(await readCoreObject<T>(client, of, object, signal));
  const [namespace = "", claimName] = name.split("/");
  const claim = claimName === undefined ? undefined : await read<Claim>(claimsIn(namespace), claimName);
  if (claimName !== undefined && claim?.spec.volumeName === undefined)
    throw new Error(`${name}: ${claim === undefined ? "there is no such claim" : "it has no volume yet"}`);
  const volumeName = claim?.spec.volumeName ?? name;
  const persistent = await read<PersistentVolume>(coreResources.persistentVolumes, volumeName);
  const disk = persistent?.spec.csi?.volumeHandle ?? persistent?.spec.azureDisk?.diskURI;
  return disk === undefined ? volumes.filter(({ spec }) => spec.volumeName === volumeName) : withDisk(disk);
}

/** The events of AzVolumes, earliest first. */
async function readEvents(
  { client, namespace }: ReportSources,
  signal: AbortSignal,
): Promise<{ readonly events: readonly VolumeEvent[]; readonly notRead?: string }> {
  if (client === undefined) return { events: [] };
  const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/events`;
  const query = { fieldSelector: "involvedObject.kind=AzVolume" };
  const answer = await client.call({ method: "GET", path, query }, signal);
  if (!answer.ok) return { events: [], notRead: describeFailure(answer.failure) };
  if (answer.value.code !== 200) return { events: [], notRead: String(answer.value.code) };
  const { items = [] } = answer.value.body as { readonly items?: readonly VolumeEvent[] };
  return {
    events: items.toSorted((one, other) =>
      (one.lastTimestamp ?? "") < (other.lastTimestamp ?? "") ? -1 : 1,
    ),
  };
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

function valueOf<T>(result: Result<T, Failure>): T {
  if (!result.ok) throw new Error(describeFailure(result.failure));
  return result.value;
}
