import { type JsonObject, numberAt, textAt } from "../model/api/json.ts";
import type { SeededRandom } from "../model/pace/random.ts";
import { type ActorClient, write } from "./actor-client.ts";
import type { Script, SetUpOf } from "./actor.ts";
import { around, dataDisksOf, targetPaths, wholeVm } from "./target-vms.ts";

/**
 * Keeps the data disks that each VM had when it first saw it, and sends them back in turns: every other disk
 * is detached.
 */
export function* terraformDrift(
  azure: ActorClient,
  random: SeededRandom,
  setUp: SetUpOf<"TerraformDrift">,
): Script {
  const state = new Map<string, readonly JsonObject[]>();
  for (;;) {
    for (const path of targetPaths(azure, setUp)) {
      const { status, body: vm } = azure.send("GET", path);
      if (status >= 300) continue;
      const planned = state.get(path);
      if (planned === undefined) state.set(path, dataDisksOf(vm));
      else if (entriesOf(planned) !== entriesOf(dataDisksOf(vm)))
        yield* write(azure, "PUT", path, wholeVm(vm, { dataDisks: planned }));
    }
    yield around(random, setUp.everyS * 1000);
  }
}

/** Which disk is at which LUN, as one text. */
function entriesOf(dataDisks: readonly JsonObject[]): string {
  return dataDisks
    .map((entry) => `${numberAt(entry, "lun")}:${textAt(entry, "managedDisk", "id")?.toLowerCase()}`)
    .toSorted()
    .join();
}
