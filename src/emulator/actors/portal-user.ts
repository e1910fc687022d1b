import { textAt, textsAt } from "../model/api/json.ts";
import type { SeededRandom } from "../model/pace/random.ts";
import { type ActorClient, write } from "./actor-client.ts";
import type { Script, SetUpOf } from "./actor.ts";
import { around, dataDisksOf, freeLun, oneOf, targetPaths, wholeVm } from "./target-vms.ts";

/** How long a page is open before its user saves it. */
const PAGE_OPEN_MS = 15_000;
/** The most disks that it gives one VM. */
const DISKS_MAX = 2;
const CHANGES = ["disk", "tag"] as const;

/**
 * Reads a VM, looks at it, and sends it back whole and without `If-Match`: with a new disk or without its
 * last one, or with another tag.
 */
export function* portalUser(azure: ActorClient, random: SeededRandom, setUp: SetUpOf<"PortalUser">): Script {
  for (let turn = 0; ; turn += 1) {
    yield around(random, setUp.everyS * 1000);
    const path = oneOf(random, targetPaths(azure, setUp));
    if (path === undefined) continue;
    const { status, body: vm } = azure.send("GET", path);
    yield around(random, PAGE_OPEN_MS);
    if (status >= 300) continue;
    const dataDisks = dataDisksOf(vm);
    if (oneOf(random, CHANGES) === "tag") {
      const tags = { ...textsAt(vm, "tags"), [azure.name]: String(turn) };
      yield* write(azure, "PUT", path, wholeVm(vm, { dataDisks, tags }));
      continue;
    }
    const own = dataDisks.filter((entry) => textAt(entry, "name")?.startsWith(`${azure.name}-`) === true);
    const name = `${azure.name}-${random.guid().slice(0, 8)}`;
    const added = { lun: freeLun(dataDisks), name, createOption: "Empty", diskSizeGB: 4 };
    const changed =
      own.length < DISKS_MAX ? [...dataDisks, added] : dataDisks.filter((entry) => entry !== own[0]);
    yield* write(azure, "PUT", path, wholeVm(vm, { dataDisks: changed }));
  }
}
