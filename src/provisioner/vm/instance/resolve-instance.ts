import { resourceUriKey } from "../../../core/azure/ids/disk-uri.ts";
import { formatInstanceUri, parseInstanceUri } from "../../../core/azure/ids/instance-uri.ts";
import { type Result, fail, ok } from "../../../core/failure/result.ts";
import type { DefaultDiskPlace } from "../../disk/disks.ts";
import type { VmTarget } from "../vm-update.ts";

interface NodeInstance {
  readonly nodeName: string;
  readonly instanceUri: string;
}

/**
 * The VM at a node's resource id. The node's name only appears in messages: a VM of that name elsewhere, or
 * a later one, is another VM. Fails with `InstanceUnknown` for an id that this driver can't look up.
 */
export function resolveInstance(
  { subscriptionId }: Pick<DefaultDiskPlace, "subscriptionId">,
  node: NodeInstance,
): Result<VmTarget> {
  const { nodeName, instanceUri } = node;
  const unknown = (problem: string): Result<never> =>
    fail({ kind: "InstanceUnknown", nodeName, instanceUri, problem });
  const parts = parseInstanceUri(instanceUri);
  if (parts === undefined)
    return unknown(
      "it is not /subscriptions/…/resourceGroups/…/providers/Microsoft.Compute/virtualMachines/<name>, nor " +
        "…/virtualMachineScaleSets/<scale set>/virtualMachines/<instance id>",
    );
  if (parts.subscriptionId.toLowerCase() !== subscriptionId.toLowerCase())
    return unknown(
      `it is not in subscription ${subscriptionId}, the only one in which this driver reads VMs`,
    );
  const { resourceGroup, scaleSetName, instanceName } = parts;
  const uri = formatInstanceUri({ ...parts, subscriptionId });
  return ok({
    subscriptionId,
    resourceGroup,
    ...(scaleSetName === undefined
      ? { name: instanceName }
      : {
          name: `${scaleSetName}_${instanceName}`,
          scaleSet: { name: scaleSetName, instanceId: instanceName },
        }),
    uri,
    key: resourceUriKey(uri),
  });
}
