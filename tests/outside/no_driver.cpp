// Stands in for NVIDIA's driver where there is none: has the functions that cuDNN looks for before
// it makes a plan, takes kernels without a GPU to run them on, and says no to all else.

namespace {

constexpr int kSuccess = 0;
constexpr int kNoDevice = 100;

int taken(void** made) {
  static int nothing;
  *made = &nothing;
  return kSuccess;
}

}  // namespace

extern "C" {

int cuLibraryLoadData(void** library) { return taken(library); }
int cuLibraryGetKernel(void** kernel) { return taken(kernel); }
int cuLibraryUnload(void*) { return kSuccess; }

int cuGetErrorName(int, const char** text) { return *text = "no driver", kSuccess; }
int cuGetErrorString(int, const char** text) { return *text = "no driver", kSuccess; }

#define BAM_REFUSED(name) \
  int name() { return kNoDevice; }
BAM_REFUSED(cuInit)
BAM_REFUSED(cuCtxGetCurrent)
BAM_REFUSED(cuCtxGetLimit)
BAM_REFUSED(cuCtxPopCurrent)
BAM_REFUSED(cuCtxPushCurrent)
BAM_REFUSED(cuDeviceGet)
BAM_REFUSED(cuDeviceGetCount)
BAM_REFUSED(cuDriverGetVersion)
BAM_REFUSED(cuKernelGetAttribute)
BAM_REFUSED(cuKernelSetAttribute)
BAM_REFUSED(cuLaunchCooperativeKernel)
BAM_REFUSED(cuLaunchKernel)
BAM_REFUSED(cuLaunchKernelEx)
BAM_REFUSED(cuLibraryLoadFromFile)
BAM_REFUSED(cuLinkAddData)
BAM_REFUSED(cuLinkComplete)
BAM_REFUSED(cuLinkCreate)
BAM_REFUSED(cuLinkDestroy)
BAM_REFUSED(cuOccupancyMaxPotentialClusterSize)
BAM_REFUSED(cuStreamGetCtx)
#undef BAM_REFUSED
}
