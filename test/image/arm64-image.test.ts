import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { connectCsi } from "../../demo/lab/csi-clients.ts";
import { buildImage, imageLayers } from "../../deploy/image/build-image.ts";
import type { ImageLayers } from "../../deploy/image/build-image.ts";
import { DRIVER_PROGRAMS } from "../../deploy/image/image-programs.ts";
import { IMAGE_PATHS } from "../../deploy/image/launcher.ts";
import type { TarEntry } from "../../deploy/image/tar-entry.ts";
import { unpackLayers } from "../../deploy/image/unpack-layers.ts";
import { runCommand } from "../../scripts/child/run-command.ts";
import { aCreateVolumeRequest, aMountCapability } from "../../src/csi/testing/requests.ts";
import { startEmulator } from "../../src/emulator/index.ts";
import { startStandalone } from "../csi-sanity/start-standalone.ts";
import { emulatedCommand, reasonAgainstEmulation, userEmulator } from "./emulated-image.ts";

const TIMEOUT_MS = 1_200_000;
/** The start takes ten seconds of processor time, and many times that beside the other suites. */
const READY_MAX_MS = 600_000;
const ELF_MAGIC = 0x7f454c46;
/** EM_AARCH64. */
const ARM64_MACHINE = 183;
const SUBSCRIPTION_ID = "00000000-0000-0000-0000-000000000001";
const RESOURCE_GROUP = "rg";
const LOCATION = "eastus";
const NODE_NAME = "node-a";
/** The emulator's operations take no time. */
const TIME_SCALE = 0.001;
/**
 * The driver keeps the patience that it has with Azure: each of its calls takes a second under QEMU, and many
 * times that beside the other suites.
 */
const DRIVER_TIME_SCALE = 1;
/** Of one CSI call, in milliseconds. */
const CALL_MAX_MS = 600_000;

describe("the driver's image for arm64", { skip: (await reasonAgainstEmulation()) ?? false }, () => {
  let folder: string;
  let layers: ImageLayers;

  before(
    async () => {
      folder = await realpath(await mkdtemp(join(tmpdir(), "arm64-image-")));
      layers = await imageLayers("arm64");
      await unpackLayers([layers.system, layers.program], join(folder, "root"));
    },
    { timeout: TIMEOUT_MS },
  );
  after(async () => rm(folder, { recursive: true }));

  it("has programs and libraries for arm64 only, and says so", { timeout: TIMEOUT_MS }, async () => {
    const programs: string[] = [];
    for (const entry of [...layers.system, ...layers.program]) {
      const machine = await elfMachine(entry);
      if (machine === undefined) continue;
      assert.equal(machine, ARM64_MACHINE, entry.path);
      programs.push(entry.path);
    }
    assert.ok(programs.includes(IMAGE_PATHS.node), programs.join(" "));
    assert.ok(programs.length > DRIVER_PROGRAMS.length, programs.join(" "));

    const { archive } = await buildImage({ architecture: "arm64" });
    const { output } = await runCommand(
      "tar",
      ["--extract", "--to-stdout", "--file", archive, "index.json"],
      {
        cwd: folder,
      },
    );
    const { manifests } = JSON.parse(output) as { readonly manifests: readonly { platform: unknown }[] };
    assert.deepEqual(
      manifests.map(({ platform }) => platform),
      [{ architecture: "arm64", os: "linux" }],
    );
  });

  it("answers CSI calls under QEMU, and ends when told to", { timeout: TIMEOUT_MS }, async (t) => {
    const emulator = await userEmulator(t.signal);
    const shared = join(folder, "shared");
    const kubeletDirectory = join(shared, "kubelet");
    await mkdir(kubeletDirectory, { recursive: true });
    const azureCaFile = join(shared, "ca.pem");
    const azure = await startEmulator({
      caFile: azureCaFile,
      settings: { timeScale: TIME_SCALE },
      virtualMachines: [
        {
          subscriptionId: SUBSCRIPTION_ID,
          resourceGroup: RESOURCE_GROUP,
          name: NODE_NAME,
          location: LOCATION,
          zone: "1",
        },
      ],
    });
    try {
      const socketPath = join(shared, "csi.sock");
      const driver = await startStandalone({
        command: emulatedCommand({
          emulator,
          root: join(folder, "root"),
          shared,
          program: `/${IMAGE_PATHS.launcher}`,
        }),
        readyMaxMs: READY_MAX_MS,
        socketPath,
        azureEndpoint: azure.url,
        azureCaFile,
        azureTimeScale: DRIVER_TIME_SCALE,
        tenantId: "00000000-0000-0000-0000-0000000000ff",
        subscriptionId: SUBSCRIPTION_ID,
        resourceGroup: RESOURCE_GROUP,
        location: LOCATION,
        storeFile: join(shared, "store.db"),
        stateDirectory: join(shared, "state"),
        nodeName: NODE_NAME,
        vmName: NODE_NAME,
        deviceRoot: join(shared, "disks"),
        kubeletDirectory,
      });
      try {
        await callServices(socketPath, t.signal);
      } catch (error) {
        throw new Error(`the driver's log:\n${driver.log()}`, { cause: error });
      } finally {
        assert.equal(await driver.stop(), 0, driver.log());
      }
    } finally {
      await azure.close();
    }
  });
});

/** One call of each kind: what the driver is, and a volume that is created, attached, detached, deleted. */
async function callServices(socketPath: string, signal: AbortSignal): Promise<void> {
  const csi = connectCsi(socketPath, signal);
  const limits = { timeoutMs: CALL_MAX_MS };
  try {
    const { name } = await csi.identity.getPluginInfo({}, limits);
    assert.equal(name, "disk.csi.azure.com");
    const { capabilities } = await csi.identity.getPluginCapabilities({}, limits);
    assert.ok(capabilities.length > 0);
    assert.deepEqual(await csi.identity.probe({}, limits), { ready: true });
    const { nodeId } = await csi.node.nodeGetInfo({}, limits);
    const { volume } = await csi.controller.createVolume(aCreateVolumeRequest(), limits);
    const volumeId = volume?.volumeId ?? "";
    assert.match(volumeId, /\/disks\/pvc-1$/u);
    const request = { volumeId, nodeId, secrets: {} };
    const volumeCapability = aMountCapability();
    const volumeContext = volume?.volumeContext ?? {};
    const { publishContext } = await csi.controller.controllerPublishVolume(
      { ...request, volumeCapability, readonly: false, volumeContext },
      limits,
    );
    assert.deepEqual(publishContext, { epoch: "1" });
    await csi.controller.controllerUnpublishVolume(request, limits);
    await csi.controller.deleteVolume({ volumeId, secrets: {} }, limits);
  } finally {
    csi.close();
  }
}

/** `e_machine` of a program or library; undefined for any other entry. */
async function elfMachine(entry: TarEntry): Promise<number | undefined> {
  if (entry.kind !== "File") return undefined;
  const { content } = entry;
  const bytes = content.kind === "Disk" ? await readFile(content.path) : Buffer.from(content.bytes);
  return bytes.length > 20 && bytes.readUInt32BE(0) === ELF_MAGIC ? bytes.readUInt16LE(18) : undefined;
}
