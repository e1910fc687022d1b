import { type Json, type JsonObject, isObject, listAt, objectAt, textAt } from "../model/api/json.ts";
import type { SeededRandom } from "../model/pace/random.ts";
import { type ActorClient, listed } from "./actor-client.ts";
import type { ActorVms } from "./actor.ts";

/** The paths of the VMs that an actor changes, as they are now. */
export function targetPaths(azure: ActorClient, vms: ActorVms): readonly string[] {
  if (vms.virtualMachines !== undefined) return vms.virtualMachines.map((name) => `virtualMachines/${name}`);
  const instances = `virtualMachineScaleSets/${vms.scaleSet ?? ""}/virtualMachines`;
  return listed(azure, instances).map((vm) => `${instances}/${textAt(vm, "instanceId") ?? ""}`);
}

/** One of them; undefined if there is none. */
export function oneOf<T>(random: SeededRandom, choices: readonly T[]): T | undefined {
  return choices[Math.floor(random.next() * choices.length)];
}

/** A time around this mean: from half of it to one and a half. */
export function around(random: SeededRandom, meanMs: number): number {
  return meanMs * (0.5 + random.next());
}

/** The entries of a VM's list of data disks, as its GET answers them. */
export function dataDisksOf(vm: Json | undefined): readonly JsonObject[] {
  return (listAt(vm, "properties", "storageProfile", "dataDisks") ?? []).filter(isObject);
}

/** What a client sends back that changes a VM's data disks and nothing else. */
export function bodyWithDisks(vm: Json | undefined, dataDisks: readonly JsonObject[]): Json {
  return { location: textAt(vm, "location"), properties: { storageProfile: { dataDisks } } };
}

/** The whole VM with other data disks and tags, as the portal and Terraform send it. */
export function wholeVm(
  vm: Json | undefined,
  { dataDisks, tags }: { readonly dataDisks: readonly JsonObject[]; readonly tags?: Json },
): Json {
  const properties = objectAt(vm, "properties") ?? {};
  const storageProfile = { ...objectAt(properties, "storageProfile"), dataDisks };
  return {
    ...objectAt(vm),
    ...(tags === undefined ? {} : { tags }),
    properties: { ...properties, storageProfile },
  };
}

export function freeLun(dataDisks: readonly JsonObject[]): number {
  let lun = 0;
  while (dataDisks.some((entry) => entry["lun"] === lun)) lun += 1;
  return lun;
}
