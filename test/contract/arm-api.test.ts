import { createModelArmApi } from "../../src/adapters/arm-model/model-arm-api.ts";
import { createSdkArmApi } from "../../src/adapters/azure-sdk/sdk-arm-api.ts";
import { systemClock } from "../../src/adapters/system/system-clock.ts";
import { startEmulator } from "../../src/emulator/index.ts";
import { createComputeModel } from "../../src/emulator/model/compute-model.ts";
import { armApiContract } from "./arm-api-contract.ts";
import { LOCATION, RESOURCE_GROUP, SUBSCRIPTION_ID } from "./worlds/cloud-bench.ts";

const cloud = {
  settings: { timeScale: 0, pageSize: 2 },
  resourceGroups: [{ subscriptionId: SUBSCRIPTION_ID, name: RESOURCE_GROUP, location: LOCATION }],
  virtualMachines: ["node-a", "node-b", "node-c"].map((name) => ({
    subscriptionId: SUBSCRIPTION_ID,
    resourceGroup: RESOURCE_GROUP,
    location: LOCATION,
    name,
    zone: "1",
  })),
  scaleSets: [
    {
      subscriptionId: SUBSCRIPTION_ID,
      resourceGroup: RESOURCE_GROUP,
      location: LOCATION,
      name: "pool",
      capacity: 1,
      firstInstanceId: 68,
    },
  ],
};

armApiContract("the model, called directly", async () => {
  const model = createComputeModel({ clock: systemClock, ...cloud });
  return {
    arm: createModelArmApi({ model, subscriptionId: SUBSCRIPTION_ID, clock: systemClock }),
    model,
    close: () => Promise.resolve(),
  };
});

armApiContract("the SDK over TLS", async () => {
  const emulator = await startEmulator(cloud);
  const arm = createSdkArmApi({
    credential: {
      getToken: () => Promise.resolve({ token: "test", expiresOnTimestamp: Number.MAX_SAFE_INTEGER }),
    },
    subscriptionId: SUBSCRIPTION_ID,
    endpoint: emulator.url,
    caPem: emulator.caPem ?? "",
    clock: systemClock,
  });
  return { arm, model: emulator.model, close: () => emulator.close() };
});
