import { dataPlaneAvailable } from "../../src/emulator/data-plane/data-plane-available.ts";
import { hostProvisionerContract } from "./host-provisioner-contract.ts";
import { makeLinuxHostWorld } from "./worlds/linux-host-world.ts";
import { makeModelHostWorld } from "./worlds/model-host-world.ts";

hostProvisionerContract("modelled host", makeModelHostWorld, { platform: "linux" });

const devices = dataPlaneAvailable();
hostProvisionerContract("Linux host", makeLinuxHostWorld, {
  platform: "linux",
  whyNotHere: devices.available ? undefined : devices.reason,
});
