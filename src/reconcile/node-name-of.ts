import { resourceUriKey } from "../core/model/disk-uri.ts";
import type { ControllerPorts } from "./controller-ports.ts";

/** The node on the VM with this resource id, as the orchestrator's node or the AzDriverNode says; undefined for a VM that is no node of this cluster. */
export function nodeNameOf({ cache, users }: Pick<ControllerPorts, "cache" | "users">, instanceUri: string): string | undefined {
  return users.cachedNodeNameOf(instanceUri) ?? cache.byIndex("AzDriverNode", "instanceUri", resourceUriKey(instanceUri))[0]?.spec.nodeName;
}
