# skelmap site with exported models (skelmap export), without PyTorch
FROM python:3.11-slim
WORKDIR /opt/skelmap
COPY constraints.txt pyproject.toml README.md LICENSE ./
COPY conf conf
COPY src src
RUN pip install --no-cache-dir -c constraints.txt --no-deps . \
    && pip install --no-cache-dir -c constraints.txt numpy scipy opencv-python-headless hydra-core pydantic rich filelock \
       xxhash onnxruntime fastapi uvicorn requests paho-mqtt \
    && python -m venv .pose \
    && .pose/bin/pip install --no-cache-dir --no-deps -r src/skelmap/pose_estimation/pose-requirements.txt \
    && useradd --create-home skelmap
ENV SKELMAP_POSE_PYTHON=/opt/skelmap/.pose/bin/python OMP_NUM_THREADS=1
USER skelmap
WORKDIR /site
ENTRYPOINT ["skelmap"]
CMD ["site", "site.yaml"]
