import { createSdkArmApi } from "../../../src/adapters/azure-sdk/sdk-arm-api.ts";
import { systemClock } from "../../../src/adapters/system/system-clock.ts";
import { systemRandom } from "../../../src/adapters/system/system-random.ts";
import { startEmulator } from "../../../src/emulator/index.ts";
import { DEFAULT_LATENCIES } from "../../../src/emulator/model/pace/latency.ts";
import { createAzureCloudProvisioner } from "../../../src/provisioner/azure-cloud-provisioner.ts";
import { attach } from "../attach-ours.ts";
import { createDisks } from "../model-disks.ts";
import { RESOURCE_GROUP, SUBSCRIPTION_ID, place } from "../place.ts";

const DISKS = 30;

/** 30 disks to one VM through the SDK and TLS, in real time. */
export interface OneVmOverWire {
  readonly floorMs: number;
  readonly ms: number;
  readonly armWrites: number;
}

/** Measures the same as on the model at Azure's own pace: what the wire, the SDK and this machine add. */
export async function measureOneVmOverWire(): Promise<OneVmOverWire> {
  const { medianMs, perDiskMs = 0 } = DEFAULT_LATENCIES.attach;
  const emulator = await startEmulator({
    settings: {
      throttling: "enforce",
      latencies: { ...DEFAULT_LATENCIES, attach: { ...DEFAULT_LATENCIES.attach, p99Ms: medianMs } },
    },
    resourceGroups: [{ ...place, name: RESOURCE_GROUP }],
    virtualMachines: [{ ...place, name: "node", size: "Standard_D16s_v5" }],
  });
  const lifetime = new AbortController();
  try {
    const [vm] = emulator.model.world.virtualMachines.values();
    if (vm === undefined) throw new Error("the emulator has no VM");
    const names = Array.from({ length: DISKS }, (_, index) => `pvc-${index}`);
    const uris = createDisks(emulator.model, names, () => ({}));
    const arm = createSdkArmApi({
      credential: {
        getToken: () => Promise.resolve({ token: "bench", expiresOnTimestamp: Number.MAX_SAFE_INTEGER }),
      },
      subscriptionId: SUBSCRIPTION_ID,
      endpoint: emulator.url,
      caPem: emulator.caPem ?? "",
      clock: systemClock,
    });
    const provisioner = createAzureCloudProvisioner({
      arm,
      clock: systemClock,
      random: systemRandom,
      place,
      lifetime: lifetime.signal,
    });
    const node = { nodeName: "node", vmId: vm.vmGuid, instanceUri: vm.id };
    const startedMs = systemClock.elapsedMs();
    const answers = await Promise.all(uris.map((uri) => attach(provisioner, { diskUri: uri, node })));
    const ms = Math.round(systemClock.elapsedMs() - startedMs);
    for (const answer of answers) if (!answer.ok) throw new Error(JSON.stringify(answer.failure));
    const armWrites = emulator.model.journal
      .since(0, Infinity)
      .filter((entry) => entry.operation === "VirtualMachines_Update").length;
    return { floorMs: medianMs + perDiskMs * DISKS, ms, armWrites };
  } finally {
    lifetime.abort(new Error("done"));
    await emulator.close();
  }
}
