# Runs the demo:        docker build --tag vae-zoo .
#                       docker run --rm --volume "$PWD/runs:/work/runs" vae-zoo
# Any other command:    docker run --rm --volume "$PWD:/work" vae-zoo sample conv_draw_mnist
# As yourself, so that the files are yours:    mkdir -p runs && docker run --user "$(id -u):$(id -g)" ...
FROM python:3.13-slim

WORKDIR /source
COPY pyproject.toml setup.py README.md LICENSE ./
COPY zoo zoo
COPY training training
RUN pip install --no-cache-dir .

# Pretrained models are no part of the package: they are fetched, here from the image itself.
COPY savedmodels /savedmodels
ENV VAE_ZOO_URL=file:///savedmodels
# Caches need a home that any user may write to.
ENV HOME=/tmp
WORKDIR /work
ENTRYPOINT ["vae-zoo"]
CMD ["demo"]
