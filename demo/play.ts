import {
  endWork,
  freeze,
  nothingLost,
  putToWork,
  release,
  start,
  type Stage,
  thawStaleWriter,
  uidsOf,
  untilAged,
  untilAttached,
  untilStateKept,
} from "./act-failovers.ts";
import { type Findings, judge, type StaleWriter } from "./findings.ts";
import type { LabNode } from "./lab/lab.ts";
import { leftovers } from "./observe.ts";
import { createVolume, deleteVolume, type DemoVolume, unpublishOnController } from "./volume-moves.ts";
import { startWriter } from "./workload.ts";

/** Plays all acts on a running lab. */
export async function play(on: Stage): Promise<Findings> {
  const { lab, timeline, say } = on;
  const node = (name: string): LabNode => {
    const found = lab.nodes.get(name);
    if (found === undefined) throw new Error(`no ${name}`);
    return found;
  };
  const [a, b, c, d] = [node("node-a"), node("node-b"), node("node-c"), node("node-d")];
  const held: boolean[] = [];
  /** Makes a disk without replicas, and moves it from node-a while it has data. */
  const move = async (
    name: string,
    how: { readonly sku: string; readonly label: string; readonly to: LabNode; readonly by: string },
  ): Promise<DemoVolume> => {
    const volume = await timeline.measure(`create: CreateVolume (${how.label})`, () =>
      createVolume(lab, {
        name,
        sizeGiB: 64n,
        parameters: { skuName: how.sku },
        zones: ["eastus-1"],
      }),
    );
    await start(on, volume, a, `${name} first`);
    const work = lab.hasDevices ? await putToWork(on, volume, a) : undefined;
    const synced = work === undefined ? 0 : await endWork(work);
    await release(on, volume, a, how.by);
    await start(on, volume, how.to, how.by);
    if (work !== undefined) held.push(await nothingLost(how.to, volume, work.checksums, synced));
    return volume;
  };

  say("\n1  A replicated disk: Premium_LRS, 1 TiB, maxShares 3");
  const replicated = await timeline.measure("create: CreateVolume", () =>
    createVolume(lab, {
      name: "replicated",
      sizeGiB: 1024n,
      parameters: { skuName: "Premium_LRS", maxShares: "3" },
      zones: ["eastus-1"],
    }),
  );
  await start(on, replicated, a, "first");
  const firstWork = lab.hasDevices ? await putToWork(on, replicated, a) : undefined;
  say("\n2  Replicas arrive on the other two nodes while node-a writes");
  await timeline.measure("replicas: attached to node-b and node-c", () =>
    untilAttached(on, replicated, ["node-b", "node-c"]),
  );
  if (lab.hasDevices)
    await timeline.measure("at rest: the first format is kept in the disk's tags", () =>
      untilStateKept(on, replicated),
    );

  if (on.pruneAfterMs !== undefined)
    await timeline.measure("aged: replicas are older than they are kept without a request", () =>
      untilAged(on, replicated),
    );
  const aged = await uidsOf(on, replicated);

  say("\n3  Graceful failover to node-b: promotion, no call to Azure");
  const synced = firstWork === undefined ? 0 : await endWork(firstWork);
  await release(on, replicated, a, "graceful");
  await start(on, replicated, b, "graceful");
  if (firstWork !== undefined) {
    held.push(await nothingLost(b, replicated, firstWork.checksums, synced));
    say(
      `  ${synced} synced records and ${firstWork.checksums.size} checksums ` +
        `${held.at(-1) === true ? "hold" : "DO NOT HOLD"}`,
    );
  }

  const keptOnB = (await uidsOf(on, replicated)).get(b.name) === aged.get(b.name);

  say("\n4  Forced failover: node-b freezes without unstaging; node-c takes over");
  const secondWriter =
    firstWork === undefined ? undefined : await startWriter(lab, b, replicated, synced + 1);
  await secondWriter?.untilSynced(synced + 10);
  await freeze(b, secondWriter);
  const syncedByB = secondWriter?.lastSynced() ?? 0;
  await lab.orchestrator.setOutOfService("node-b", true);
  await timeline.measure("forced: ControllerUnpublishVolume of node-b (fence with proof)", () =>
    unpublishOnController(lab, replicated, b),
  );
  await start(on, replicated, c, "forced");
  const replicasKept = keptOnB && (await uidsOf(on, replicated)).get(c.name) === aged.get(c.name);
  let staleWriter: StaleWriter | "not tried" = "not tried";
  if (firstWork !== undefined && secondWriter !== undefined) {
    held.push(await nothingLost(c, replicated, firstWork.checksums, syncedByB));
    say(
      `  ${syncedByB} synced records and ${firstWork.checksums.size} checksums ` +
        `${held.at(-1) === true ? "hold" : "DO NOT HOLD"} on node-c`,
    );
    // No node has it mounted while the stale writer wakes up, so any change of the disk comes from that
    // writer.
    await release(on, replicated, c, "pause");
    staleWriter = await thawStaleWriter(on, replicated, b, secondWriter);
    await start(on, replicated, c, "resume");
    held.push(await nothingLost(c, replicated, firstWork.checksums, syncedByB));
  } else {
    b.process.kill("SIGCONT");
    await lab.orchestrator.removeUser("node-b", replicated.volumeId);
    await lab.orchestrator.setOutOfService("node-b", false);
  }
  await timeline.measure("thaw: node-b is a replica again", () =>
    untilAttached(on, replicated, ["node-a", "node-b", "node-c"]),
  );

  say("\n5  For contrast: a disk without replicas, detached and attached");
  const plain = await move("plain", { sku: "Premium_LRS", label: "plain", to: b, by: "plain graceful" });

  say("\n   And a Premium_ZRS disk moves to a VM in another zone");
  const zoneRedundant = await move("zrs", { sku: "Premium_ZRS", label: "ZRS", to: d, by: "zrs move" });

  say("\n6  Everything is deleted");
  await release(on, replicated, c, "clean-up");
  await release(on, plain, b, "clean-up");
  await release(on, zoneRedundant, d, "clean-up");
  for (const volume of [replicated, plain, zoneRedundant])
    await timeline.measure(`clean-up: DeleteVolume ${volume.name}`, () => deleteVolume(lab, volume));
  const left = await leftovers(lab, on.signal);
  for (const thing of left) say(`  left behind: ${thing}`);

  const graceful = timeline.sum("graceful:");
  const plainGraceful = timeline.sum("plain graceful:");
  return judge({
    phases: timeline.phases,
    replicated: {
      gracefulMs: graceful.ms,
      armCallsOnPath: graceful.armCalls,
      forcedMs: timeline.sum("forced:").ms,
    },
    plain: { gracefulMs: plainGraceful.ms, armCallsOnPath: plainGraceful.armCalls },
    checksums: held,
    staleWriter,
    replicasKept,
    leaked: left.length,
  });
}
