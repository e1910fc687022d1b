import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { findCommand } from "../../scripts/child/find-command.ts";
import { runCommand } from "../../scripts/child/run-command.ts";
import { dataPlaneAvailable } from "../../src/emulator/data-plane/data-plane-available.ts";
import { createLinuxDataPlane } from "../../src/emulator/data-plane/linux-data-plane.ts";
import { startEmulator } from "../../src/emulator/index.ts";
import { isOsDisk } from "../../src/emulator/model/vm/os-disk/render-os-disk.ts";
import { buildGoProgram } from "../../testbed/parts/build-go-program.ts";
import { checkSpecs, SANITY_SPECS } from "./check-specs.ts";
import { readGinkgoReport } from "./ginkgo-report.ts";
import type { Spec } from "./ginkgo-report.ts";
import { startStandalone } from "./start-standalone.ts";

const SUBSCRIPTION_ID = "00000000-0000-0000-0000-000000000001";
const TENANT_ID = "00000000-0000-0000-0000-0000000000ff";
const RESOURCE_GROUP = "rg";
const LOCATION = "eastus";
const NODE_NAME = "node-a";
const VM_NAME = "flex_4c1d2a7b";
/** A thousand times as fast as Azure. */
const TIME_SCALE = 0.001;
/** csi-sanity waits for each call without a limit: its own limit comes before ours. */
const SANITY_TIMEOUT_S = 1_800;
const TEST_TIMEOUT_MS = 2_400_000;
const LEFT_MAX_MS = 60_000;
const LOOK_EVERY_MS = 100;

/** The folder of all files of one run. */
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

/**
 * Waits until nothing is left, and returns what still is: the kernel frees a loop device at its last close,
 * and other programs open it for a moment (losetup --list).
 */
async function untilNone(look: () => Promise<readonly string[]>): Promise<readonly string[]> {
  const endsMs = performance.now() + LEFT_MAX_MS;
  for (;;) {
    const left = await look();
    if (left.length === 0 || performance.now() > endsMs) return left;
    await sleep(LOOK_EVERY_MS);
  }
}

/** One run of csi-sanity against a new driver, store and Azure, and what it left behind. */
async function runSanity(
  folder: string,
  signal: AbortSignal,
): Promise<{ specs: readonly Spec[]; leftBehind: readonly string[]; log: string }> {
  const program = await buildGoProgram("csi-sanity", console.log, signal);
  const kubeletDirectory = join(folder, "kubelet");
  const deviceRoot = join(folder, "dev");
  await mkdir(kubeletDirectory);
  const dataPlane = await createLinuxDataPlane({ directory: join(folder, "disks"), deviceRoot });
  const caFile = join(folder, "ca.pem");
  const emulator = await startEmulator({
    caFile,
    dataPlane,
    settings: { timeScale: TIME_SCALE },
    virtualMachines: [
      {
        subscriptionId: SUBSCRIPTION_ID,
        resourceGroup: RESOURCE_GROUP,
        name: VM_NAME,
        computerName: NODE_NAME,
        location: LOCATION,
        zone: "1",
      },
    ],
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
      vmName: VM_NAME,
      deviceRoot: join(deviceRoot, VM_NAME),
      kubeletDirectory,
    });
    try {
      const report = join(folder, "report.json");
      const mutableParameters = join(folder, "mutable-parameters.yaml");
      await writeFile(mutableParameters, "skuName: Standard_LRS\ntags: modified=yes\n");
      const { output } = await runCommand(
        program,
        [
          `--csi.endpoint=unix://${socketPath}`,
          `--csi.mountdir=${join(kubeletDirectory, "target")}`,
          `--csi.stagingdir=${join(kubeletDirectory, "staging")}`,
          `--csi.testvolumemutableparameters=${mutableParameters}`,
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
      const { disks, snapshots } = emulator.model.world;
      const leftBehind = [
        ...[...disks.values()].filter((disk) => !isOsDisk(disk)).map((disk) => `disk ${disk.id}`),
        ...[...snapshots.values()].map((snapshot) => `snapshot ${snapshot.id}`),
        ...(await mountsBelow(folder)).map((path) => `mount ${path}`),
        ...(await untilNone(async () =>
          (await dataPlane.devices()).map((device) => `loop device ${JSON.stringify(device)}`),
        )),
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

it(
  "passes every spec of csi-sanity for the advertised capabilities",
  { timeout: TEST_TIMEOUT_MS },
  async (t) => {
    const availability = dataPlaneAvailable();
    if (!availability.available) return t.skip(availability.reason);
    if ((await findCommand("go")) === undefined)
      return t.skip("needs Go: csi-sanity is built from its sources");
    const { specs, leftBehind, log } = await withFolder((folder) => runSanity(folder, t.signal));

    if (specs.some(({ state }) => state === "failed")) console.log(log);
    await checkSpecs(t, specs, SANITY_SPECS);
    await t.test("leaves no disk, snapshot, device or mount behind", () => {
      assert.deepEqual(leftBehind, []);
    });
  },
);
