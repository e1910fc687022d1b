import type { AzVolume, VolumeDetail } from "../../api/az-volume.ts";
import type { NodeIdentity } from "../../api/identity/node-identity.ts";
import { parseDiskUri } from "../../azure/ids/disk-uri.ts";
import { formatInstanceUri, parseInstanceUri } from "../../azure/ids/instance-uri.ts";
import { sameJson } from "../../primitives/same-json.ts";
import { nodesIn } from "../../writer/record/record-nodes.ts";
import { TAG_VALUE_MAX_CHARS } from "./tag-limits.ts";

type Formatted = NonNullable<VolumeDetail["formatted"]>;
type Tags = Readonly<Record<string, string>>;

/** What the tags of a disk keep of its volume, in case its objects are lost. */
export interface KeptState {
  /** VMs that were fenced from the disk, or were being fenced, and have not reported clean since. */
  readonly quarantined: readonly NodeIdentity[];
  /** There were too many to list, or the value can't be read. */
  readonly areAllQuarantined: boolean;
  /** The driver made a file system on the disk. */
  readonly formatted: Formatted | undefined;
}

const FORMATTED = "disk.csi.azure.com-formatted";
const QUARANTINED = "disk.csi.azure.com-quarantined-";
/** Lower case. Azure never renames a disk: another name means that disk and tags were copied. */
const STATE_OF = "disk.csi.azure.com-state-of";
/** The first field of each value: a reader that does not know it must assume the worst. */
const VERSION = "1";
const SEPARATOR = "|";
const ALL_QUARANTINED = `${VERSION}${SEPARATOR}*`;
/** The most VMs that are listed. A disk has at most 50 tags, and most of them are the user's. */
const QUARANTINED_MAX = 4;
/** The most state tags of a disk: those VMs, the file system, and the name of the disk. */
export const STATE_TAGS_MAX = QUARANTINED_MAX + 2;

export const NOTHING_KEPT: KeptState = { quarantined: [], areAllQuarantined: false, formatted: undefined };

function isStateTag(name: string): boolean {
  return name === FORMATTED || name === STATE_OF || name.startsWith(QUARANTINED);
}

export function stateTagsIn(tags: Tags): Tags {
  return Object.fromEntries(Object.entries(tags).filter(([name]) => isStateTag(name)));
}

/** The tags for a volume's status. Equal statuses give equal tags. */
export function stateTagsOf(status: AzVolume["status"]): Tags {
  const { formatted, diskUri = "" } = status?.detail ?? {};
  const tags = {
    ...(formatted === undefined ? {} : { [FORMATTED]: formattedValue(formatted) }),
    ...quarantineTags(nodesIn(status?.record, "fenced", "fencing")),
  };
  const diskName = parseDiskUri(diskUri)?.diskName.toLowerCase();
  return diskName === undefined || Object.keys(tags).length === 0 ? tags : { ...tags, [STATE_OF]: diskName };
}

/**
 * Whether the disk's tags, as last written or read, differ from those for the status, once it is recorded.
 */
export function areStateTagsDue(status: AzVolume["status"]): boolean {
  return status?.detail !== undefined && !sameJson(stateTagsOf(status), status.detail.stateTags ?? {});
}

/**
 * The state in the tags of a disk. A value that can't be read counts as the most that it could have said.
 * Tags of another disk keep nothing of this one.
 */
export function stateFromTags({
  tags,
  diskName,
}: {
  readonly tags: Tags;
  readonly diskName: string;
}): KeptState {
  const stateOf = tags[STATE_OF]?.toLowerCase();
  if (stateOf !== undefined && stateOf !== diskName.toLowerCase()) return NOTHING_KEPT;
  const values = Object.entries(tags).flatMap(([name, value]) =>
    name.startsWith(QUARANTINED) ? [value] : [],
  );
  const nodes = values.map(quarantinedFrom);
  const quarantined = nodes.filter((node) => node !== undefined);
  const formatted = tags[FORMATTED];
  return {
    quarantined,
    areAllQuarantined: quarantined.length < nodes.length,
    formatted: formatted === undefined ? undefined : formattedFrom(formatted),
  };
}

/** Whether the tags keep anything of the disk: then it has had a record, whichever driver made it. */
export function keepsState({ quarantined, areAllQuarantined, formatted }: KeptState): boolean {
  return quarantined.length > 0 || areAllQuarantined || formatted !== undefined;
}

function quarantineTags(nodes: readonly NodeIdentity[]): Tags {
  const byVm = new Map(nodes.map((node) => [`${node.vmId.toLowerCase()} ${node.nodeName}`, node]));
  const values = [...byVm.values()].map(quarantinedValue).toSorted();
  const areListed =
    values.length <= QUARANTINED_MAX && values.every((value) => value.length <= TAG_VALUE_MAX_CHARS);
  return Object.fromEntries(
    (areListed ? values : [ALL_QUARANTINED]).map((value, index) => [`${QUARANTINED}${index}`, value]),
  );
}

function quarantinedValue({ nodeName, vmId, instanceUri }: NodeIdentity): string {
  const parts = parseInstanceUri(instanceUri);
  const { subscriptionId = "", resourceGroup = "", scaleSetName = "", instanceName = "" } = parts ?? {};
  return [VERSION, vmId, nodeName, subscriptionId, resourceGroup, scaleSetName, instanceName].join(SEPARATOR);
}

function quarantinedFrom(value: string): NodeIdentity | undefined {
  const [
    version,
    vmId = "",
    nodeName = "",
    subscriptionId = "",
    resourceGroup = "",
    scaleSetName = "",
    instanceName = "",
    ...others
  ] = value.split(SEPARATOR);
  if (version !== VERSION || vmId === "" || nodeName === "" || others.length > 0) return undefined;
  const uri = formatInstanceUri({
    subscriptionId,
    resourceGroup,
    scaleSetName: scaleSetName === "" ? undefined : scaleSetName,
    instanceName,
  });
  return parseInstanceUri(uri) === undefined ? undefined : { nodeName, vmId, instanceUri: uri };
}

function formattedValue({ fsType, uuid = "", time, nodeName }: Formatted): string {
  return [VERSION, fsType, uuid, time, nodeName].join(SEPARATOR).slice(0, TAG_VALUE_MAX_CHARS);
}

function formattedFrom(value: string): Formatted {
  const [version, fsType = "", uuid = "", time = "", nodeName = ""] = value.split(SEPARATOR);
  if (version !== VERSION || fsType === "")
    return { fsType: "a file system", nodeName: "a node", time: "a time that its tag does not give" };
  return { fsType, nodeName, time, ...(uuid === "" ? {} : { uuid }) };
}
