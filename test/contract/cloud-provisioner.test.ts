import { cloudProvisionerContract } from "./cloud-provisioner-contract.ts";
import { singleVms, uniformInstances } from "./worlds/cloud-bench.ts";
import { emulatedCloud, modelCloud } from "./worlds/cloud-worlds.ts";

cloudProvisionerContract("Azure's model, called directly, on a virtual clock", singleVms, modelCloud);
cloudProvisionerContract("Azure's model with a uniform scale set", uniformInstances, modelCloud);
cloudProvisionerContract("the SDK against the emulator over TLS", singleVms, emulatedCloud);
