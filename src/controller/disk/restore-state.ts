import type { VolumeDetail } from "../../core/api/az-volume.ts";
import { type NodeIdentity, withNode } from "../../core/api/node-identity.ts";
import type { KeptState } from "../../core/volume/state-tags.ts";
import type { ControllerPorts } from "../controller-ports.ts";

/**
 * Which nodes a rebuilt record has to distrust because the disk's tags say that they were cut off. Where
 * they say so of everyone, all nodes that are known.
 */
export function cutOffIn(
  { cache }: Pick<ControllerPorts, "cache">,
  { cutOff, isEveryoneCutOff }: KeptState,
): readonly NodeIdentity[] {
  if (!isEveryoneCutOff) return cutOff;
  const known = cache
    .list("AzDriverNode")
    .flatMap(({ metadata, status }) =>
      status === undefined
        ? []
        : [{ nodeName: metadata.name, vmId: status.vmId, instanceUri: status.instanceUri }],
    );
  return known.reduce<readonly NodeIdentity[]>(withNode, cutOff);
}

/**
 * A volume's detail with what the disk's tags know of its first format. What the object itself says goes
 * first: a tag can be edited by anyone.
 */
export function withKeptFormat(detail: VolumeDetail, { formatted }: KeptState): VolumeDetail {
  return detail.formatted !== undefined || formatted === undefined ? detail : { ...detail, formatted };
}
