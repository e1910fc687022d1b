import { createModelArmApi } from "../../src/adapters/arm-model/model-arm-api.ts";
import { createSeededRandom } from "../../src/adapters/virtual/seeded-random.ts";
import type { VirtualClock } from "../../src/adapters/virtual/virtual-clock.ts";
import type { ComputeModel } from "../../src/emulator/model/compute-model.ts";
import { type AzureCloudProvisioner, createAzureCloudProvisioner } from "../../src/provisioner/azure-cloud-provisioner.ts";
import { LOCATION, RESOURCE_GROUP, SUBSCRIPTION_ID, never } from "../contract/cloud-bench.ts";

/** A provisioner over Azure's model, called directly: each call takes 5 ms of the clock each way. */
export function provisionerOnModel(model: ComputeModel, clock: VirtualClock): AzureCloudProvisioner {
  return createAzureCloudProvisioner({
    arm: createModelArmApi({ model, subscriptionId: SUBSCRIPTION_ID, clock, oneWayMs: () => 5 }),
    clock,
    random: createSeededRandom(1),
    place: { subscriptionId: SUBSCRIPTION_ID, resourceGroup: RESOURCE_GROUP, location: LOCATION },
    lifetime: never,
  });
}
