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
import { isSameResourceUri } from "../../core/azure/ids/disk-uri.ts";
import { describeFailure } from "../../core/failure/describe-failure.ts";
import type { Failure } from "../../core/failure/failure.ts";
import type { Result } from "../../core/failure/result.ts";
import type { ObjectStore } from "../../ports/store/object-store.ts";
import type { VolumeEvent, VolumeReport } from "./volume-report.ts";

/** Where a report comes from. */
export interface ReportSources {
  readonly store: Pick<ObjectStore, "list">;
  /** Undefined without Kubernetes: there are no claims and no events then. */
  readonly client: ApiClient | undefined;
  readonly namespace: string;
}

/** What is reported of each volume, sorted by name; with `name`, of that claim, volume or disk alone. */
export async function readReports(
  sources: ReportSources,
  name: string | undefined,
  signal: AbortSignal,
): Promise<readonly VolumeReport[]> {
  const { store } = sources;
  const { items: volumes } = valueOf(await store.list("AzVolume", {}, signal));
  const { items: attachments } = valueOf(await store.list("AzVolumeAttachment", {}, signal));
  const { items: nodes } = valueOf(await store.list("AzDriverNode", {}, signal));
  const isNamed = name === undefined ? () => true : await namedBy(sources, name, signal);
  const events = await readEvents(sources, signal);
  return volumes.filter(isNamed).map((volume) => {
    const own = attachments.filter(({ spec }) => spec.volumeName === volume.metadata.name);
    const nodeNames = [...own.map(({ spec }) => spec.nodeName), volume.status?.record?.writer?.nodeName];
    return {
      volume,
      attachments: own,
      nodes: nodes.filter(({ spec }) => nodeNames.includes(spec.nodeName)),
      events: events.filter(({ involvedObject }) => involvedObject.name === volume.metadata.name),
    };
  });
}

/** A claim, as far as it is read here. */
type Claim = ApiObject & { readonly spec: { readonly volumeName?: string } };

/** Whether a volume is the one of a name: `<namespace>/<claim>`, a PersistentVolume, a volume or a disk. */
async function namedBy({ client }: ReportSources, name: string, signal: AbortSignal) {
  const isUri = name.startsWith("/");
  const read = async <T extends ApiObject>(of: CoreResource, object: string): Promise<T | undefined> =>
    client === undefined || isUri ? undefined : valueOf(await readCoreObject<T>(client, of, object, signal));
  const [namespace = "", claimName] = isUri ? [] : name.split("/");
  const claim = claimName === undefined ? undefined : await read<Claim>(claimsIn(namespace), claimName);
  if (claimName !== undefined && claim?.spec.volumeName === undefined)
    throw new Error(`${name}: ${claim === undefined ? "there is no such claim" : "it has no volume yet"}`);
  const volumeName = claim?.spec.volumeName ?? name;
  const named = await read<PersistentVolume>(coreResources.persistentVolumes, volumeName);
  const disk = named?.spec.csi?.volumeHandle ?? named?.spec.azureDisk?.diskURI ?? name;
  return ({ metadata, spec, status }: AzVolume): boolean =>
    [metadata.name, spec.volumeName].includes(volumeName) ||
    isSameResourceUri(status?.detail?.diskUri ?? spec.diskUri ?? "", disk);
}

/** The events of AzVolumes, earliest first. */
async function readEvents(
  { client, namespace }: ReportSources,
  signal: AbortSignal,
): Promise<readonly VolumeEvent[]> {
  if (client === undefined) return [];
  const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/events`;
  const query = { fieldSelector: "involvedObject.kind=AzVolume" };
  const answer = valueOf(await client.call({ method: "GET", path, query }, signal));
  if (answer.code !== 200) throw new Error(`events of namespace ${namespace}: answer ${answer.code}`);
  const { items = [] } = answer.body as { readonly items?: readonly VolumeEvent[] };
  return items.toSorted((one, other) => ((one.lastTimestamp ?? "") < (other.lastTimestamp ?? "") ? -1 : 1));
}

function valueOf<T>(result: Result<T, Failure>): T {
  if (!result.ok) throw new Error(describeFailure(result.failure));
  return result.value;
}
