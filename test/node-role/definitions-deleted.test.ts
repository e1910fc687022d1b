import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type Lab, type LabNode, startLab } from "../../demo/lab/lab.ts";
import { readRecord } from "../../demo/observe.ts";
import { createVolume, type DemoVolume } from "../../demo/volume-moves.ts";
import { startWriter, type Writer } from "../../demo/workload.ts";
import { dataPlaneAvailable } from "../../src/emulator/data-plane/data-plane-available.ts";
import { waitUntil } from "../../testbed/lab/units/wait-until.ts";
import { FIRST_START_TIMEOUT_MS, whyNoApiServer } from "../kubernetes-store/api-server.ts";
import { type AzureByHand, azureOf } from "../workflows/controller-here.ts";
import { bringUpByNode } from "../workflows/volume-use.ts";
import { type ChartCluster, startChartCluster } from "./chart-cluster.ts";

const NODES = ["node-a", "node-b"] as const;
const TIME_SCALE = 0.02;
const SOON = { timeoutMs: 180_000 };
const RECORDS = 10;
const NAMESPACE = "azure-disk-csi";
const FREE = '{"metadata":{"finalizers":null}}';
const definition = (kind: string): string => `${kind}.disk.csi.azure.com`;

const devices = dataPlaneAvailable();
const missing = (await whyNoApiServer()) ?? (devices.available ? undefined : devices.reason);

describe(
  "definitions of the driver's objects that are deleted while it runs",
  { skip: missing ?? false, timeout: FIRST_START_TIMEOUT_MS },
  () => {
    const ending = new AbortController();
    const { signal } = ending;
    let cluster: ChartCluster | undefined;
    let lab: Lab | undefined;
    let azure: AzureByHand | undefined;
    let volume: DemoVolume;
    let writer: Writer;
    let instance: string;

    const theCluster = (): ChartCluster => cluster ?? assert.fail("there is no cluster");
    const theLab = (): Lab => lab ?? assert.fail("there is no lab");
    const nodeOf = (name: string): LabNode => theLab().nodes.get(name) ?? assert.fail(`no ${name}`);

    before(async () => {
      cluster = await startChartCluster(NODES);
      lab = await startLab({
        timeScale: TIME_SCALE,
        hasDevices: true,
        vms: NODES.map((name) => ({ name, zone: "1" })),
        signal,
        store: cluster.other,
        controllerFlags: ["--attach=driver"],
        nodeFlags: ["--attach=driver", "--heartbeat-ms=300"],
      });
      azure = await azureOf(lab);
      for (const name of NODES)
        await waitUntil(`${name} to be registered`, SOON, async () => {
          const found = await theLab().store.get("AzDriverNode", name, signal);
          return found.ok && found.value.status?.readyForVolumeAllocation === true ? true : undefined;
        });
      volume = await createVolume(theLab(), {
        name: "kept",
        sizeGiB: 1n,
        parameters: { skuName: "Premium_LRS", maxShares: "2" },
        zones: ["eastus-1"],
      });
      await bringUpByNode(theLab(), volume, nodeOf("node-a"));
      writer = await startWriter(theLab(), nodeOf("node-a"), volume, 1);
      await untilReplicated();
      const node = await theLab().store.get("AzDriverNode", "node-a", signal);
      instance = (node.ok ? node.value.status?.instanceUri : undefined) ?? assert.fail("node-a is not there");
    });
    after(async () => {
      ending.abort();
      await azure?.close();
      await lab?.close();
      await cluster?.close();
    });

    /** By Azure: the objects may be gone. */
    async function vmsWithDisk(): Promise<readonly string[]> {
      const disk = await (azure ?? assert.fail("there is no Azure")).getDisk(
        { diskUri: volume.volumeId },
        signal,
      );
      assert.ok(disk.ok, JSON.stringify(disk));
      return disk.value.attachedTo;
    }

    async function untilReplicated(): Promise<void> {
      await waitUntil("the replica", SOON, async () => {
        const listed = await theLab().store.list("AzVolumeAttachment", {}, signal);
        if (!listed.ok) return undefined;
        const isReplica = listed.value.items.some(
          ({ spec, status }) => spec.nodeName === "node-b" && status?.state === "Attached",
        );
        return isReplica && (await vmsWithDisk()).length === 2 ? true : undefined;
      });
    }

    const writesOn = (): Promise<unknown> => writer.untilSynced(writer.lastSynced() + RECORDS);

    async function untilGone(names: readonly string[]): Promise<void> {
      for (const name of names)
        await waitUntil(`${name} to be gone`, SOON, async () => {
          const left = await theCluster().kubectl("get", "crd", "-o", "name");
          return left.includes(name) ? undefined : true;
        });
    }

    async function keptItsDisk(): Promise<void> {
      await writesOn();
      const vms = await vmsWithDisk();
      assert.ok(vms.includes(instance), `${instance} is not among ${vms.join(", ")}`);
    }

    async function comeBack(): Promise<void> {
      await theCluster().upgrade();
      await waitUntil("node-a to be the writer again", SOON, async () => {
        const found = await readRecord(theLab(), volume, signal).catch(() => undefined);
        return found?.writer?.nodeName === "node-a" && found.writer.held ? true : undefined;
      });
      await untilReplicated();
      await writesOn();
    }

    for (const kinds of [["azvolumes"], ["azvolumeattachments"], ["azdrivernodes"]])
      it(`cost no pod its disk, and come back with an upgrade: ${kinds.join(", ")}`, async () => {
        const names = kinds.map(definition);
        await theCluster().kubectl("delete", "crd", ...names, "--wait=false");
        await untilGone(names);
        await keptItsDisk();
        await comeBack();
      });

    // Whether the attachments end by themselves depends on whether their AzVolumes go first.
    it("go and come back all at once, where finalizers of attachments are removed", async () => {
      const names = ["azvolumes", "azvolumeattachments", "azdrivernodes"].map(definition);
      await theCluster().kubectl("delete", "crd", ...names, "--wait=false");
      await untilGone([definition("azvolumes")]);
      await waitUntil("the attachments to be gone", SOON, async () => {
        const { code, output } = await free("azvolumeattachments");
        return code === 0 && output === "" ? true : undefined;
      });
      await untilGone(names);
      await keptItsDisk();
      await comeBack();
    });

    // Last: no driver runs from here on.
    it("go after the driver, also where its finalizers are removed only then", async () => {
      await azure?.close();
      await lab?.close();
      azure = lab = undefined;
      const kinds = ["azvolumes", "azvolumeattachments"];
      const names = [...kinds, "azdrivernodes"].map(definition);
      await theCluster().kubectl("delete", "crd", ...names, "--wait=false");
      await untilGone([definition("azdrivernodes")]);
      const left = await theCluster().kubectl("get", "crd", "-o", "name");
      for (const kind of kinds) {
        assert.ok(left.includes(definition(kind)), `${kind} went before its finalizers`);
        const freed = await free(kind);
        assert.deepEqual([freed.code, freed.output === ""], [0, false], freed.output);
      }
      await untilGone(names);
    });

    /** As docs/operating.md and docs/install.md say. Fails while an object or the definition goes. */
    async function free(kind: string): Promise<{ readonly code: number; readonly output: string }> {
      const left = await theCluster().kubectl("get", "crd", "-o", "name");
      if (!left.includes(definition(kind))) return { code: 0, output: "" };
      const own = ["-n", NAMESPACE] as const;
      try {
        const listed = await theCluster().kubectl(...own, "get", kind, "-o", "name");
        const names = listed.split("\n").filter((line) => line.includes("/"));
        for (const name of names)
          await theCluster().kubectl(...own, "patch", name, "--type", "merge", "-p", FREE);
        return { code: 0, output: names.join(", ") };
      } catch (error) {
        return { code: 1, output: String(error) };
      }
    }
  },
);
