import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AzVolume } from "../../src/core/api/az-volume.ts";
import { listIn } from "../../src/core/testing/record-lists.ts";
import type { FaultEffect } from "../../src/emulator/model/pace/fault-rule.ts";
import { osDiskId } from "../../src/emulator/model/vm/os-disk/render-os-disk.ts";
import type { StepName } from "../../src/ports/steps.ts";
import { type DriverTestWorld, withDriver } from "./testing/driver-world.ts";

function writer({ store }: DriverTestWorld): string | undefined {
  return store.objects("AzVolume")[0]?.status?.record?.writer?.nodeName;
}

function canWrite({ azure }: DriverTestWorld, nodeName: string, diskUri: string): boolean {
  return azure.machineOf(nodeName)?.kernel.canWrite(diskUri) === true;
}

describe("the driver in the simulation", () => {
  it("moves a volume to its replica without a call to Azure, with all synced data", async () => {
    const world = await withDriver(1, async (here) => {
      const volume = await here.create("pvc-1", { maxShares: 2, replicas: 1 });
      await here.bringUp(volume, "node-a");
      const file = `${volume.targetPath}/data`;
      here.azure.machineOf("node-a")?.kernel.writeFile(file, "synced");
      here.azure.machineOf("node-a")?.kernel.fsync(volume.targetPath);
      await here.until(
        "a replica",
        () => here.diskEvents.filter((event) => event.endsWith(" attached")).length === 2,
      );
      const replica = ["node-b", "node-c"].find((name) => here.diskEvents.includes(`${name} attached`)) ?? "";
      await here.until(
        "it to be recorded",
        () =>
          here.store.objects("AzVolumeAttachment").filter(({ status }) => status?.state === "Attached")
            .length === 2,
      );
      const callsBefore = here.azure.model.journal.lastSequence();
      await here.takeDown(volume, "node-a");
      await here.bringUp(volume, replica);
      const writes = here.azure.model.journal.since(callsBefore).filter(({ method }) => method !== "GET");
      assert.deepEqual(writes, []);
      assert.deepEqual(here.azure.machineOf(replica)?.kernel.readFile(file), {
        kind: "done",
        text: "synced",
      });
      await here.takeDown(volume, replica);
      await here.remove(volume);
      assert.deepEqual(here.store.objects("AzVolume"), []);
      assert.deepEqual(
        [...here.azure.model.world.disks.keys()].filter((id) => !here.azure.isOthers(id)),
        [],
      );
      // The disks of the nodes' operating systems are listed beside the volumes, and stay as they were.
      const { disks, virtualMachines } = here.azure.model.world;
      assert.deepEqual(
        [...virtualMachines.values()].filter((vm) => {
          const osDisk = disks.get(osDiskId(vm)?.toLowerCase() ?? "");
          return (
            osDisk?.owners.map(({ vmGuid }) => vmGuid).join() !== vm.vmGuid || osDisk.spec.sizeGiB !== 30
          );
        }),
        [],
      );
    });
    assert.deepEqual(world.violations, []);
  });

  it("fences a frozen node before another one writes, and blocks its late writes", async () => {
    const world = await withDriver(2, async (here) => {
      const volume = await here.create("pvc-1", { maxShares: 2, replicas: 1 });
      await here.bringUp(volume, "node-a");
      here.azure.machineOf("node-a")?.kernel.writeFile(`${volume.targetPath}/late`, "not synced");
      here.azure.freeze("node-a");
      here.forgetUsers("node-a");
      here.outOfService.add("node-a");
      await here.unpublish(volume, "node-a");
      assert.equal(canWrite(here, "node-a", volume.volumeId), false);
      await here.bringUp(volume, "node-b");
      here.azure.thaw("node-a");
      here.outOfService.delete("node-a");
      await here.clock.advance(60_000);
      assert.deepEqual(here.azure.machineOf("node-b")?.kernel.readFile(`${volume.targetPath}/late`), {
        kind: "ENOENT",
      });
      await here.until(
        "node-a to leave quarantine",
        () => listIn(here.store.objects("AzVolume")[0]?.status?.record, "quarantined").length === 0,
      );
      assert.equal(writer(here), "node-b");
    });
    assert.deepEqual(world.violations, []);
  });

  it("recovers an attach during which the leader is killed", async () => {
    const world = await withDriver(3, async (here) => {
      const volume = await here.create("pvc-1", { maxShares: 1, replicas: 0 });
      const leader = here.driver.controllers.find((slot) => slot.isLeading());
      assert.ok(leader !== undefined);
      leader.crashAt({ step: "attach", nth: 1, moment: "before" });
      await here.bringUp(volume, "node-a");
      assert.equal(leader.crashes(), 1);
      leader.crashAt({ step: "detach", nth: 1, moment: "after" });
      await here.takeDown(volume, "node-a");
      await here.remove(volume);
    });
    assert.deepEqual(world.violations, []);
  });

  it("strikes no more once that is cancelled, though the step has begun", async () => {
    await withDriver(3, async (here) => {
      const volume = await here.create("pvc-1", { maxShares: 1, replicas: 0 });
      const leader = here.driver.controllers.find((slot) => slot.isLeading());
      assert.ok(leader !== undefined);
      const struck: string[] = [];
      const cancelAfter = leader.strikeAt({ step: "attach", nth: 1, moment: "after" }, () => {
        struck.push("after");
      });
      leader.strikeAt({ step: "attach", nth: 1, moment: "before" }, () => {
        struck.push("before");
        cancelAfter();
      });
      await here.bringUp(volume, "node-a");
      assert.deepEqual(struck, ["before"]);
    });
  });

  it("is upgraded process by process under a volume in use, without a fence", async () => {
    const world = await withDriver(4, async (here) => {
      const volume = await here.create("pvc-1", { maxShares: 2, replicas: 1 });
      await here.bringUp(volume, "node-a");
      const leader = here.driver.controllers.find((slot) => slot.isLeading());
      const plugin = here.driver.nodePlugin("node-a");
      assert.ok(leader !== undefined && plugin !== undefined);
      await here.answerOf(plugin.stop());
      plugin.start();
      await here.answerOf(leader.stop());
      const stoppedAtMs = here.clock.elapsedMs();
      await here.until("another leader", () =>
        here.driver.controllers.some((slot) => slot !== leader && slot.isLeading()),
      );
      assert.ok(here.clock.elapsedMs() - stoppedAtMs < 2_000, "the Lease was released");
      leader.start();
      assert.equal(canWrite(here, "node-a", volume.volumeId), true);
      await here.takeDown(volume, "node-a");
      await here.remove(volume);
    });
    assert.deepEqual(world.violations, []);
    assert.deepEqual(
      world.driver.controllers.map((slot) => slot.crashes()),
      [0, 0],
    );
  });

  it("continues with another leader while the first one is paused", async () => {
    const world = await withDriver(5, async (here) => {
      const volume = await here.create("pvc-1", { maxShares: 1, replicas: 0 });
      const leader = here.driver.controllers.find((slot) => slot.isLeading());
      assert.ok(leader !== undefined);
      leader.pause();
      await here.until("another leader", () =>
        here.driver.controllers.some((slot) => slot !== leader && slot.isLeading()),
      );
      const commitsBefore = here.trace.lines().filter((line) => line.includes(` ${leader.name} `)).length;
      await here.bringUp(volume, "node-a");
      assert.equal(
        here.trace.lines().filter((line) => line.includes(` ${leader.name} `)).length,
        commitsBefore,
      );
      leader.resume();
      await here.clock.advance(30_000);
      assert.equal(leader.isLeading(), false);
      await here.takeDown(volume, "node-a");
    });
    assert.deepEqual(world.violations, []);
  });

  it("acquires nothing while a command of a dead plug-in still runs on the node", async () => {
    const world = await withDriver(6, async (here) => {
      const volume = await here.create("pvc-1", { maxShares: 1, replicas: 0 });
      const kernel = here.azure.machineOf("node-a")?.kernel;
      const plugin = here.driver.nodePlugin("node-a");
      assert.ok(kernel !== undefined && plugin !== undefined);
      kernel.setLatencyMs("format", 20_000);
      const isFormatting = (): boolean => kernel.commandsInFlight().some((line) => line.startsWith("format"));
      const killing = (async (): Promise<number> => {
        while (!isFormatting()) await here.clock.sleep(100, here.ended);
        plugin.killWithCommands({ childrenSurvive: true });
        plugin.start();
        await here.clock.sleep(10_000, here.ended);
        assert.equal(isFormatting(), true);
        return plugin.stepsTaken().filter(({ step }) => step === "acquire").length;
      })();
      await here.bringUp(volume, "node-a");
      assert.equal(await killing, 1, "nothing was acquired while it formatted");
      // The dead plug-in's format has left its mark: its completeness is unknown, so the format is
      // repeated.
      assert.deepEqual(
        here.diskEvents.filter((event) => ["node-a format", "node-a mount"].includes(event)),
        ["node-a format", "node-a format", "node-a mount"],
      );
    });
    assert.deepEqual(world.violations, []);
  });

  for (const seed of [11, 12, 13]) {
    it(`does the same again with the same seed: ${seed}`, async () => {
      const life = async (here: DriverTestWorld): Promise<void> => {
        const volume = await here.create("pvc-1", { maxShares: 2, replicas: 1 });
        await here.bringUp(volume, "node-a");
        here.driver.nodePlugin("node-a")?.kill();
        here.driver.nodePlugin("node-a")?.start();
        await here.takeDown(volume, "node-a");
        here.azure.reboot("node-b");
        await here.bringUp(volume, "node-b");
        here.driver.controllers.find((slot) => slot.isLeading())?.kill();
        here.azure.recreateVm("node-c");
        await here.takeDown(volume, "node-b");
        await here.bringUp(volume, "node-c");
      };
      const [first, second] = [await withDriver(seed, life), await withDriver(seed, life)];
      assert.deepEqual(first.violations, []);
      assert.equal(second.trace.digest(), first.trace.digest());
    });
  }

  /** A zone without the SKU: refused at once, or at the end of an operation that leaves a failed disk. */
  const lacking = { code: "InvalidAvailabilityZone", message: "Zone 1 does not offer it." } as const;
  const refusals: readonly FaultEffect[] = [
    { kind: "Error", status: 400, ...lacking },
    { kind: "FailOperation", ...lacking, applied: "none" },
  ];
  const crashes: readonly { readonly step: StepName; readonly nth: number }[] = [
    { step: "create-object", nth: 1 },
    { step: "create-disk", nth: 1 },
    { step: "mark-delete", nth: 1 },
    { step: "mark-delete", nth: 2 },
    { step: "delete-disk", nth: 1 },
    { step: "remove-volume", nth: 1 },
    { step: "create-object", nth: 2 },
    { step: "create-disk", nth: 2 },
    { step: "record-created", nth: 1 },
  ];
  for (const effect of refusals)
    it(`makes one disk, in the next zone, whichever step kills a controller: ${effect.kind}`, async () => {
      const reached = new Set<string>();
      for (const [seed, { step, nth }] of crashes.entries())
        for (const moment of ["before", "after"] as const) {
          const world = await withDriver(seed, async (here) => {
            const disks = (): readonly (readonly string[])[] =>
              [...here.azure.model.world.disks].flatMap(([id, { zones }]) =>
                here.azure.isOthers(id) ? [] : [zones],
              );
            // Each try in zone 1 is refused, and none in zone 2: another one follows only after a crash.
            const isInZone1 = ({ spec }: AzVolume): boolean => spec.disk.zone === "1";
            const rule = here.azure.model.faults.add({ operation: "Disks_CreateOrUpdate", effect });
            here.store.onCommit(({ verb, kind }) => {
              const [volume] = here.store.objects("AzVolume");
              if (kind !== "AzVolume" || verb !== "create" || volume === undefined) return;
              here.azure.model.faults.remove(rule.id);
              if (isInZone1(volume)) here.azure.model.faults.add({ ...rule, id: rule.id });
            });
            for (const slot of here.driver.controllers) slot.crashAt({ step, nth, moment });
            const volume = await here.create("pvc-1", { maxShares: 1, replicas: 0, zones: ["1", "2"] });
            if (here.driver.controllers.some((slot) => slot.crashes() > 0)) reached.add(`${step} ${nth}`);
            assert.deepEqual(disks(), [["2"]], `${step} ${nth} ${moment}`);
            await here.remove(volume);
            assert.deepEqual(disks(), []);
          });
          assert.deepEqual(world.violations, []);
        }
      const expected = crashes.map(({ step, nth }) => `${step} ${nth}`);
      assert.deepEqual(
        expected.filter((point) => !reached.has(point)),
        effect.kind === "Error" ? ["delete-disk 1"] : [],
      );
    });
});
