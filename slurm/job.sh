#!/bin/bash
# One job of a recipe under Slurm, or one task of an array of them; `bam pipeline slurm` submits it as
#
#   sbatch [options] job.sh BAM RECIPE RUNS JOB...
#
# Task i of an array runs the i-th JOB. A warning (SIGUSR1) is handed on, so that training finishes
# its step and writes a checkpoint; exit code 138 then asks for the job to be queued again. What the
# environment variables do stands in slurm/README.md.
set -uo pipefail

bam=$1 recipe=$2 runs=$3
shift 3
jobs=("$@")
job=${jobs[${SLURM_ARRAY_TASK_ID:-0}]}
id=$SLURM_JOB_ID
if [ -n "${SLURM_ARRAY_JOB_ID:-}" ]; then
  id=${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID
fi
if [ -n "${BAM_SETUP:-}" ]; then
  # shellcheck disable=SC1090
  source "$BAM_SETUP" || exit
fi
echo "Slurm job $id, start ${SLURM_RESTART_COUNT:-0}, on $SLURM_JOB_NODELIST, $(date --iso-8601=seconds)"

"$bam" pipeline run "$recipe" --runs "$runs" --only "$job" --launcher srun &
child=$!
signalled=false
trap 'signalled=true; kill -USR1 "$child"' USR1
trap 'signalled=true' TERM  # Slurm sends it to every process; wait for those that act on it
while
  wait "$child"  # to its end, or to a signal
  code=$?
  $signalled
do
  signalled=false
done

if [ "$code" -eq 138 ]; then
  echo "Slurm job $id: queued again to go on"
  scontrol requeue "$id" || exit 1
fi
exit "$code"
