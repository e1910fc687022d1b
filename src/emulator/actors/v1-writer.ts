import { type Json, type JsonObject, listAt, textAt } from "../model/api/json.ts";
import { sameId } from "../model/api/resource/resource-id.ts";
import type { SeededRandom } from "../model/pace/random.ts";
import { type ActorClient, write } from "./actor-client.ts";
import type { Script, SetUpOf } from "./actor.ts";
import { around, bodyWithDisks, dataDisksOf, freeLun, oneOf, targetPaths } from "./target-vms.ts";

interface Cached {
  readonly vm: Json | undefined;
  readonly readAtMs: number;
}

/**
 * Attaches one of its disks where it is free, and detaches it where it is attached. Like the driver V1, it
 * sends back the list that it has of the VM, without `If-Match`, and forgets that list after its own write.
 */
export function* v1Writer(
  azure: ActorClient,
  random: SeededRandom,
  setUp: SetUpOf<"V1Writer">,
  nowMs: () => number,
): Script {
  const cache = new Map<string, Cached>();
  const names = Array.from({ length: setUp.disks }, (_, number) => `${azure.name}-${number}`);
  for (;;) {
    yield around(random, setUp.everyS * 1000);
    const path = oneOf(random, targetPaths(azure, setUp));
    const name = oneOf(random, names);
    if (path === undefined || name === undefined) continue;
    const disk = yield* diskBeside(path, name);
    const vm = seen(path);
    const entries = dataDisksOf(vm);
    const id = textAt(disk, "id") ?? "";
    const isMine = (entry: JsonObject): boolean => sameId(textAt(entry, "managedDisk", "id") ?? "", id);
    if (entries.some(isMine)) {
      yield* send(
        path,
        vm,
        entries.filter((entry) => !isMine(entry)),
      );
    } else if (disk !== undefined && textAt(disk, "managedBy") === undefined) {
      const added = { lun: freeLun(entries), name, createOption: "Attach", managedDisk: { id } };
      yield* send(path, vm, [...entries, added]);
    }
  }

  /** The VM as it was at most `staleS` ago. */
  function seen(path: string): Json | undefined {
    const cached = cache.get(path);
    if (cached !== undefined && nowMs() - cached.readAtMs < setUp.staleS * 1000) return cached.vm;
    const { status, body } = azure.send("GET", path);
    const vm = status < 300 ? body : undefined;
    cache.set(path, { vm, readAtMs: nowMs() });
    return vm;
  }

  /** Its disk in the VM's place, made at its first use. */
  function* diskBeside(vmPath: string, name: string): Generator<number, Json | undefined, void> {
    const path = `disks/${name}`;
    const { status, body } = azure.send("GET", path);
    if (status < 300) return body;
    const vm = azure.send("GET", vmPath).body;
    yield* write(azure, "PUT", path, {
      location: textAt(vm, "location"),
      zones: listAt(vm, "zones"),
      sku: { name: "Premium_LRS" },
      properties: { creationData: { createOption: "Empty" }, diskSizeGB: 4 },
    });
    return azure.send("GET", path).body;
  }

  function* send(path: string, vm: Json | undefined, entries: readonly JsonObject[]): Script {
    cache.delete(path);
    yield* write(azure, "PUT", path, bodyWithDisks(vm, entries));
  }
}
