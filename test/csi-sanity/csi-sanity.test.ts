import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { findCommand } from "../../scripts/child/find-command.ts";
import { runCommand } from "../../scripts/child/run-command.ts";
import { dataPlaneAvailable } from "../../src/emulator/data-plane/data-plane-available.ts";
import { createLinuxDataPlane } from "../../src/emulator/data-plane/linux-data-plane.ts";
import { startEmulator } from "../../src/emulator/index.ts";
import { buildCsiSanity } from "../../testbed/csi-sanity/build-csi-sanity.ts";
import { readGinkgoReport } from "./ginkgo-report.ts";
import type { Spec } from "./ginkgo-report.ts";
import { startStandalone } from "./start-standalone.ts";

const SUBSCRIPTION_ID = "00000000-0000-0000-0000-000000000001";
const TENANT_ID = "00000000-0000-0000-0000-0000000000ff";
const RESOURCE_GROUP = "rg";
const LOCATION = "eastus";
const NODE_NAME = "node-a";
/** A thousand times as fast as Azure. */
const TIME_SCALE = 0.001;
/** csi-sanity waits for each call as long as it takes: its own limit comes before ours. */
const SANITY_TIMEOUT_S = 240;
const TEST_TIMEOUT_MS = 470_000;
/** Of 103 specs; the others belong to capabilities that the driver does not advertise. */
const RUN_MIN = 55;

/** What a spec says when it skips itself because a capability is not advertised; any other skip hides something. */
const UNADVERTISED = [
  /^(Create|Delete|List|Get)Snapshots? not supported/u,
  /^Snapshot not supported/u,
  /^Volume Cloning not supported/u,
  /^GroupControllerService not supported/u,
  /^(Modify [Vv]olume|ControllerModifyVolume) not supported/u,
  /^GetCapacity not supported/u,
  /^(ControllerGetVolumeHealth|ControllerListVolumeHealth|NodeGetVolumeHealth|NodeGetStorageHealth) not supported/u,
  /^ControllerPublishVolume\.readonly field not supported/u,
  /^Service does not have single node multi writer capability/u,
  /^testnodevolumeattachlimit not enabled/u,
];

/** Everything that one run touches lies below one folder. */
async function withFolder<T>(run: (folder: string) => Promise<T>): Promise<T> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), "csi-sanity-")));
  try {
    return await run(folder);
  } finally {
    for (const mount of await mountsBelow(folder)) await runCommand("umount", [mount], { cwd: "/" });
    await rm(folder, { recursive: true, force: true });
  }
}

/** Mount points below a folder, the last mounted first. */
async function mountsBelow(folder: string): Promise<readonly string[]> {
  const lines = (await readFile("/proc/self/mountinfo", "utf8")).trimEnd().split("\n");
  return lines
    .map((line) => line.split(" ")[4] ?? "")
    .filter((path) => path.startsWith(`${folder}/`))
    .toReversed();
}

/** One run of csi-sanity against a fresh driver, store and Azure, and what it left behind. */
async function runSanity(folder: string, signal: AbortSignal): Promise<{ specs: readonly Spec[]; leftBehind: readonly string[]; log: string }> {
  const program = await buildCsiSanity(console.log, signal);
  const kubeletDirectory = join(folder, "kubelet");
  const deviceRoot = join(folder, "dev");
  await mkdir(kubeletDirectory);
  const dataPlane = await createLinuxDataPlane({ directory: join(folder, "disks"), deviceRoot });
  const caFile = join(folder, "ca.pem");
  const emulator = await startEmulator({
    caFile,
    dataPlane,
    settings: { timeScale: TIME_SCALE },
    virtualMachines: [{ subscriptionId: SUBSCRIPTION_ID, resourceGroup: RESOURCE_GROUP, name: NODE_NAME, location: LOCATION, zone: "1" }],
  });
  try {
    const socketPath = join(folder, "csi.sock");
    const standalone = await startStandalone({
      socketPath,
      azureEndpoint: emulator.url,
      azureCaFile: caFile,
      azureTimeScale: TIME_SCALE,
      tenantId: TENANT_ID,
      subscriptionId: SUBSCRIPTION_ID,
      resourceGroup: RESOURCE_GROUP,
      location: LOCATION,
      storeFile: join(folder, "store.db"),
      stateDirectory: join(folder, "state"),
      nodeName: NODE_NAME,
      deviceRoot: join(deviceRoot, NODE_NAME),
      kubeletDirectory,
    });
    try {
      const report = join(folder, "report.json");
      const { output } = await runCommand(
        program,
        [
          `--csi.endpoint=unix://${socketPath}`,
          `--csi.mountdir=${join(kubeletDirectory, "target")}`,
          `--csi.stagingdir=${join(kubeletDirectory, "staging")}`,
          `--ginkgo.json-report=${report}`,
          `--ginkgo.timeout=${SANITY_TIMEOUT_S}s`,
          "--ginkgo.seed=1",
          "--ginkgo.no-color",
          "--ginkgo.succinct",
        ],
        { cwd: folder, timeoutMs: (SANITY_TIMEOUT_S + 30) * 1000 },
      );
      const specs = await readGinkgoReport(report).catch((error: unknown) => {
        throw new Error(`csi-sanity wrote no report:\n${output}\n${standalone.log()}`, { cause: error });
      });
      const leftBehind = [
        ...[...emulator.model.world.disks.values()].map((disk) => `disk ${disk.id}`),
        ...(await dataPlane.devices()).map((device) => `loop device ${JSON.stringify(device)}`),
        ...(await mountsBelow(folder)).map((path) => `mount ${path}`),
      ];
      return { specs, leftBehind, log: standalone.log() };
    } finally {
      await standalone.stop();
    }
  } finally {
    await emulator.close();
    await dataPlane.close();
  }
}

it("passes every spec of csi-sanity for what it advertises", { timeout: TEST_TIMEOUT_MS }, async (t) => {
  const availability = dataPlaneAvailable();
  if (!availability.available) return t.skip(availability.reason);
  if ((await findCommand("go")) === undefined) return t.skip("needs Go: csi-sanity is built from its sources");
  const { specs, leftBehind, log } = await withFolder((folder) => runSanity(folder, t.signal));

  const ran = specs.filter(({ state }) => state !== "skipped" && state !== "pending");
  if (ran.some(({ state }) => state !== "passed")) console.log(log);
  for (const { name, state, message } of ran) {
    await t.test(name, () => {
      assert.equal(state, "passed", message);
    });
  }
  await t.test("runs the specs that it is meant to run", () => {
    assert.ok(ran.length >= RUN_MIN, `only ${ran.length} of ${specs.length} specs ran`);
  });
  await t.test("skips no spec but those of capabilities that are not advertised", () => {
    const skipped = specs.filter(({ state }) => state === "skipped");
    for (const { name, message } of skipped) t.diagnostic(`not advertised: ${name}: ${message}`);
    assert.deepEqual(
      skipped.filter(({ message }) => !UNADVERTISED.some((reason) => reason.test(message))),
      [],
    );
  });
  await t.test("leaves no disk, device or mount behind", () => {
    assert.deepEqual(leftBehind, []);
  });
});
