import assert from "node:assert/strict";
import { lstat, unlink } from "node:fs/promises";
import { after, describe, it } from "node:test";
import { waitUntil } from "../../testbed/lab/units/wait-until.ts";
import { createDisk, SUBSCRIPTION_ID } from "../emulator/azure-fixture.ts";
import {
  type ApiServer,
  FIRST_START_TIMEOUT_MS,
  startApiServer,
  whyNoApiServer,
} from "../kubernetes-store/api-server.ts";
import { aNodeWorld, type NodeWorld } from "./node-world.ts";
import { nodeGetInfo, registerAsKubelet, writeCsiNode } from "./stand-in-kubelet.ts";

const TEST_TIMEOUT_MS = 900_000;
const STOP_MAX_MS = 60_000;
/** Stops of plug-ins on a busy machine, one of which the API server answers in time. */
const STOPS_MAX = 3;
const SOON = { timeoutMs: 120_000 };
const never = new AbortController().signal;
const startUpTaint = { key: "disk.csi.azure.com/agent-not-ready", effect: "NoSchedule" };
const otherTaint = { key: "workload", value: "database", effect: "NoSchedule" };
const cordon = { key: "node.kubernetes.io/unschedulable", effect: "NoSchedule" };

const missing = await whyNoApiServer();

async function isThere(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

/** Without the one that the API server itself adds to a new Node. */
async function taintsOf(world: NodeWorld): Promise<readonly string[]> {
  const { spec } = (await world.read(`/api/v1/nodes/${world.nodeName}`)) as {
    readonly spec: { readonly taints?: readonly { readonly key: string }[] };
  };
  return (spec.taints ?? []).map(({ key }) => key).filter((key) => key !== "node.kubernetes.io/not-ready");
}

describe(
  "a node plug-in on Kubernetes' API server, with the emulator's instance metadata",
  { skip: missing ?? false },
  () => {
    let server: ApiServer | undefined;
    after(() => server?.close());

    async function onNode(
      taints: readonly object[],
      act: (world: NodeWorld) => Promise<void>,
    ): Promise<void> {
      if (server === undefined) throw new Error("there is no API server");
      const world = await aNodeWorld(server, taints);
      try {
        await act(world);
      } finally {
        await world.close();
      }
    }

    it("comes up", { timeout: FIRST_START_TIMEOUT_MS }, async (t) => {
      server = await startApiServer((line) => t.diagnostic(line));
    });

    it(
      "identifies its VM, registers with kubelet, and removes the start-up taint",
      { timeout: TEST_TIMEOUT_MS },
      () =>
        onNode([startUpTaint, otherTaint], async (world) => {
          const { nodeName, csiSocket, azure } = world;
          const plugin = await world.startPlugin();
          assert.deepEqual(await plugin.health("/readyz"), {
            code: 503,
            text: "kubelet has not asked for this plug-in yet",
          });
          assert.deepEqual(await plugin.health("/healthz"), { code: 200, text: "ok" });
          assert.deepEqual(await taintsOf(world), [startUpTaint.key, otherTaint.key]);

          const { info, node } = await registerAsKubelet(world.client, nodeName, world.registrationSocket);
          assert.deepEqual(info, {
            type: "CSIPlugin",
            name: "disk.csi.azure.com",
            endpoint: csiSocket,
            supportedVersions: ["1.0.0"],
          });
          assert.deepEqual(node, {
            nodeId: nodeName,
            maxVolumesPerNode: 8n,
            accessibleTopology: {
              segments: {
                "topology.disk.csi.azure.com/zone": "eastus-1",
                "topology.kubernetes.io/zone": "eastus-1",
              },
            },
          });
          await waitUntil("the start-up taint to go", SOON, async () =>
            (await taintsOf(world)).includes(startUpTaint.key) ? undefined : true,
          );
          assert.deepEqual(await taintsOf(world), [otherTaint.key]);
          assert.deepEqual(await plugin.health("/readyz"), { code: 200, text: "ok" });

          const status = await waitUntil("a heartbeat", SOON, async () => {
            const read = await world.store.get("AzDriverNode", nodeName, never);
            return read.ok ? read.value.status : undefined;
          });
          const vm = await azure.client.virtualMachines.get("rg", world.vmName);
          const { maxVolumes, location, zone, busType, vmId } = status;
          assert.deepEqual(
            { maxVolumes, location, zone, busType, vmId },
            { maxVolumes: 8, location: "eastus", zone: "1", busType: "SCSI", vmId: vm.vmId },
          );
        }),
    );

    it(
      "removes the start-up taint as well where node-driver-registrar registers it",
      { timeout: TEST_TIMEOUT_MS },
      () =>
        onNode([startUpTaint], async (world) => {
          const plugin = await world.startPlugin({ registersItself: false });
          assert.deepEqual(await plugin.health("/readyz"), { code: 200, text: "ok" });
          assert.deepEqual(await taintsOf(world), [startUpTaint.key]);
          await writeCsiNode(
            world.client,
            world.nodeName,
            { name: "disk.csi.azure.com" },
            await nodeGetInfo(world.csiSocket),
          );
          await waitUntil("the start-up taint to go", SOON, async () =>
            (await taintsOf(world)).length === 0 ? true : undefined,
          );
        }),
    );

    it(
      "is not ready while its CSINode has another plug-in's node id, and reports that",
      { timeout: TEST_TIMEOUT_MS },
      () =>
        onNode([], async (world) => {
          const { client, nodeName, registrationSocket, csiSocket } = world;
          const plugin = await world.startPlugin();
          const { info } = await registerAsKubelet(client, nodeName, registrationSocket, "vm-of-another");
          const { text } = await waitUntil("the other plug-in to be seen", SOON, async () => {
            const answer = await plugin.health("/readyz");
            return answer.code === 503 ? answer : undefined;
          });
          assert.match(
            text,
            new RegExp(
              `^CSINode ${nodeName} has node id "vm-of-another" for disk\\.csi\\.azure\\.com.*remove ` +
                "that driver",
              "u",
            ),
          );
          await waitUntil("the event at the Node", SOON, async () => {
            const { items } = (await world.read("/api/v1/namespaces/default/events")) as {
              readonly items: readonly {
                readonly reason: string;
                readonly involvedObject: { readonly name: string };
              }[];
            };
            return items.some(
              ({ reason, involvedObject }) => reason === "OtherDriver" && involvedObject.name === nodeName,
            )
              ? true
              : undefined;
          });
          await writeCsiNode(client, nodeName, info, await nodeGetInfo(csiSocket));
          await waitUntil("the plug-in to be ready", SOON, async () =>
            (await plugin.health("/readyz")).code === 200 ? true : undefined,
          );
        }),
    );

    it("counts slots at each kubelet query: only foreign disks take some", { timeout: TEST_TIMEOUT_MS }, () =>
      onNode([], async (world) => {
        const { azure, csiSocket } = world;
        await world.startPlugin();
        const limit = async (): Promise<bigint> => (await nodeGetInfo(csiSocket)).maxVolumesPerNode;
        assert.equal(await limit(), 8n);
        const [own, backup] = await Promise.all(["pvc-1", "backup"].map((name) => createDisk(azure, name)));
        assert.ok(own !== undefined && backup !== undefined);
        const attachment = await world.requestVolume(own);
        const dataDisks = [own, backup].map((id, lun) => ({
          lun,
          createOption: "Attach",
          managedDisk: { id },
        }));
        await azure.client.virtualMachines.update(
          "rg",
          world.vmName,
          { storageProfile: { dataDisks } },
          { updateIntervalInMs: 5 },
        );
        await waitUntil("the other people's disk to take its slot", SOON, async () =>
          (await limit()) === 7n ? true : undefined,
        );
        assert.equal(await limit(), 7n, "the driver's own volume counts against the limit");
        await attachment.remove();
        await waitUntil("a volume that is the driver's no more to take a slot", SOON, async () =>
          (await limit()) === 6n ? true : undefined,
        );
      }),
    );

    it(
      "continues during an API server outage; heartbeats resume afterwards",
      { timeout: TEST_TIMEOUT_MS },
      () =>
        onNode([], async (world) => {
          const plugin = await world.startPlugin();
          const beats = async (): Promise<number> => {
            const read = await world.store.get("AzDriverNode", world.nodeName, never);
            return read.ok ? (read.value.status?.heartbeat ?? 0) : 0;
          };
          const before = await waitUntil("a heartbeat", SOON, async () => (await beats()) || undefined);
          await server?.kill();
          assert.deepEqual(await plugin.health("/healthz"), { code: 200, text: "ok" });
          assert.equal((await nodeGetInfo(world.csiSocket)).maxVolumesPerNode, 8n);
          await server?.start();
          await waitUntil("heartbeats to continue", SOON, async () =>
            (await beats()) > before + 1 ? true : undefined,
          );
        }),
    );

    it(
      "stays registered during a DaemonSet update, and deregisters after its deletion",
      { timeout: TEST_TIMEOUT_MS },
      () =>
        onNode([], async (world) => {
          const first = await world.startPlugin();
          await first.child.stop(STOP_MAX_MS);
          assert.equal(await isThere(world.registrationSocket), true, first.child.log());
          const second = await world.startPlugin();
          await registerAsKubelet(world.client, world.nodeName, world.registrationSocket);
          await world.deleteDaemonSet();
          await second.child.stop(STOP_MAX_MS);
          // A plug-in that the API server does not answer within two seconds leaves its socket to the next.
          let last = second;
          for (let tries = 1; tries < STOPS_MAX && (await isThere(world.registrationSocket)); tries += 1) {
            last = await world.startPlugin();
            await last.child.stop(STOP_MAX_MS);
          }
          assert.equal(await isThere(world.registrationSocket), false, last.child.log());
        }),
    );

    it(
      "reports itself dead once its CSI socket is gone, so that kubelet restarts it",
      { timeout: TEST_TIMEOUT_MS },
      () =>
        onNode([], async (world) => {
          const plugin = await world.startPlugin();
          await unlink(world.csiSocket);
          const { code, text } = await plugin.health("/healthz");
          assert.equal(code, 500);
          assert.match(text, /^the plug-in at unix:.*csi.sock does not answer/);
        }),
    );

    it("stops at once on request, even while its start still waits", { timeout: TEST_TIMEOUT_MS }, () =>
      onNode([], async (world) => {
        await world.azure.emulator.close();
        const plugin = world.startWaitingPlugin();
        await waitUntil("it to ask for its VM", SOON, async () =>
          /what VM this is/.test(plugin.log()) ? true : undefined,
        );
        const ended = new Promise((resolve) => plugin.onEnd(resolve));
        plugin.kill("SIGTERM");
        assert.equal(await ended, "0", plugin.log());
      }),
    );

    it(
      "lets an upgrade continue at once, but a drain waits for the last volume",
      { timeout: TEST_TIMEOUT_MS },
      () =>
        onNode([], async (world) => {
          const endOf = (child: { onEnd(tell: (how: string) => void): void }): Promise<string> =>
            new Promise((resolve) => child.onEnd(resolve));
          const attachment = await world.requestVolume(
            `/subscriptions/${SUBSCRIPTION_ID}/resourceGroups/rg/providers/Microsoft.Compute/disks/pvc-1`,
          );
          assert.equal(await endOf(world.startPreStop()), "0");
          await world.change(`/api/v1/nodes/${world.nodeName}`, { spec: { taints: [cordon] } });
          const waiting = world.startPreStop();
          const ended = endOf(waiting);
          await waitUntil("the hook to wait", SOON, async () =>
            /waiting for its volumes/.test(waiting.log()) ? true : undefined,
          );
          await attachment.remove();
          assert.equal(await ended, "0", waiting.log());
        }),
    );

    it(
      "waits for no volume once the driver is being removed, with its rights",
      { timeout: TEST_TIMEOUT_MS },
      () =>
        onNode([cordon], async (world) => {
          await world.requestVolume(
            `/subscriptions/${SUBSCRIPTION_ID}/resourceGroups/rg/providers/Microsoft.Compute/disks/pvc-1`,
          );
          await world.deleteDaemonSet();
          const hook = world.startPreStop();
          assert.equal(await new Promise((resolve) => hook.onEnd(resolve)), "0", hook.log());
          assert.match(hook.log(), /the driver is being removed/u);
        }),
    );
  },
);
