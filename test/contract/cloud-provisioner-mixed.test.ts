import { cloudProvisionerContract } from "./cloud-provisioner-contract.ts";
import { emulatedCloud, modelCloud } from "./worlds/cloud-worlds.ts";
import { mixedVms } from "./worlds/mixed-vms.ts";

cloudProvisionerContract("Azure's model with all kinds of VMs in five resource groups", mixedVms, modelCloud);
cloudProvisionerContract(
  "the SDK over TLS with all kinds of VMs in five resource groups",
  mixedVms,
  emulatedCloud,
);
