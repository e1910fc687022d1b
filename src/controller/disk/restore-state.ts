import type { VolumeDetail } from "../../core/api/az-volume.ts";
import { includesNode, type NodeIdentity } from "../../core/api/identity/node-identity.ts";
import type { KeptState } from "../../core/volume/tags/state-tags.ts";
import type { ControllerPorts } from "../controller-ports.ts";

/**
 * The nodes that a rebuilt record has to distrust because the disk's tags list them as fenced. Where the tags
 * say that all nodes are quarantined, all known nodes.
 */
export function quarantinedIn(
  { cache }: Pick<ControllerPorts, "cache">,
  { quarantined, areAllQuarantined }: KeptState,
): readonly NodeIdentity[] {
  if (!areAllQuarantined) return quarantined;
  const known = cache
    .list("AzDriverNode")
    .flatMap(({ metadata, status }) =>
      status === undefined
        ? []
        : [{ nodeName: metadata.name, vmId: status.vmId, instanceUri: status.instanceUri }],
    );
  return [...quarantined.filter((node) => !includesNode(known, node)), ...known];
}

/**
 * A volume's detail with the first format from the disk's tags. The object itself takes precedence: any
 * client can edit a tag.
 */
export function withKeptFormat(detail: VolumeDetail, { formatted }: KeptState): VolumeDetail {
  return detail.formatted !== undefined || formatted === undefined ? detail : { ...detail, formatted };
}
