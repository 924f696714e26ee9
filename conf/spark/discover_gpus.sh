#!/usr/bin/env bash
# Prints the GPUs of this machine in the form that Spark asks of a discovery script:
# {"name": "gpu", "addresses": ["0", "1"]}
set -euo pipefail
nvidia-smi --query-gpu=index --format=csv,noheader |
  awk '{ gsub(/[^0-9]/, ""); list = list sep "\"" $0 "\""; sep = ", " }
       END { if (!NR) exit 1; print "{\"name\": \"gpu\", \"addresses\": [" list "]}" }'
