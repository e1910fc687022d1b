import { numberAt, objectAt, textAt } from "../model/api/json.ts";
import { type ActorClient, listed, write } from "./actor-client.ts";
import type { Script, SetUpOf } from "./actor.ts";

/** Until the next try of a write that another one is in the way of. */
const RETRY_MS = 10_000;

/**
 * Upgrades a node pool once: it changes the model, adds the surge, and then gives each earlier instance the
 * model and a new OS disk, one after the other. Disks stay attached. The surge instances go at the end.
 */
export function* aksUpgrade(azure: ActorClient, setUp: SetUpOf<"AksUpgrade">): Script {
  const set = `virtualMachineScaleSets/${setUp.scaleSet}`;
  yield setUp.afterS * 1000;
  const before = listed(azure, `${set}/virtualMachines`).map((vm) => textAt(vm, "instanceId") ?? "");
  const { body } = azure.send("GET", set);
  const capacity = numberAt(body, "sku", "capacity") ?? before.length;
  const profile = objectAt(body, "properties", "virtualMachineProfile");
  const storage = objectAt(profile, "storageProfile");
  const imageReference = { version: `upgrade-of-${azure.name}` };
  yield* untilAccepted(azure, "PATCH", set, {
    sku: { name: textAt(body, "sku", "name"), capacity: capacity + setUp.surge },
    properties: { virtualMachineProfile: { ...profile, storageProfile: { ...storage, imageReference } } },
  });
  for (const id of before) {
    yield setUp.drainS * 1000;
    // It may be gone by now.
    if (azure.send("GET", `${set}/virtualMachines/${id}`).status !== 200) continue;
    yield* untilAccepted(azure, "POST", `${set}/manualupgrade`, { instanceIds: [id] });
    yield* untilAccepted(azure, "POST", `${set}/virtualMachines/${id}/reimage`);
  }
  const surge = listed(azure, `${set}/virtualMachines`)
    .map((vm) => textAt(vm, "instanceId") ?? "")
    .filter((id) => !before.includes(id));
  if (surge.length > 0) yield* untilAccepted(azure, "POST", `${set}/delete`, { instanceIds: surge });
}

function* untilAccepted(azure: ActorClient, ...call: Parameters<ActorClient["send"]>): Script {
  while (!(yield* write(azure, ...call))) yield RETRY_MS;
}
