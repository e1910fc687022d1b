import { createModelArmApi } from "../../src/adapters/arm-model/model-arm-api.ts";
import { createSeededRandom } from "../../src/adapters/virtual/seeded-random.ts";
import type { VirtualClock } from "../../src/adapters/virtual/virtual-clock.ts";
import type { ComputeModel } from "../../src/emulator/model/compute-model.ts";
import type { ArmApi } from "../../src/provisioner/arm/arm-api.ts";
import {
  type AzureCloudProvisioner,
  createAzureCloudProvisioner,
} from "../../src/provisioner/azure-cloud-provisioner.ts";
import type { ProvisionerSettings } from "../../src/provisioner/settings.ts";
import { LOCATION, RESOURCE_GROUP, SUBSCRIPTION_ID, never } from "../contract/worlds/cloud-bench.ts";

/** A provisioner over Azure's model. */
export function provisionerOnModel(
  model: ComputeModel,
  clock: VirtualClock,
  settings: Partial<ProvisionerSettings> = {},
): AzureCloudProvisioner {
  return provisionerOn(armOnModel(model, clock), clock, settings);
}

/** Azure's model, called directly: each call takes 5 ms of the clock each way. */
export function armOnModel(model: ComputeModel, clock: VirtualClock): ArmApi {
  return createModelArmApi({ model, subscriptionId: SUBSCRIPTION_ID, clock, oneWayMs: () => 5 });
}

/** A provisioner over any `ArmApi`. */
export function provisionerOn(
  arm: ArmApi,
  clock: VirtualClock,
  settings: Partial<ProvisionerSettings> = {},
): AzureCloudProvisioner {
  return createAzureCloudProvisioner({
    arm,
    clock,
    random: createSeededRandom(1),
    place: { subscriptionId: SUBSCRIPTION_ID, resourceGroup: RESOURCE_GROUP, location: LOCATION },
    lifetime: never,
    settings,
  });
}
