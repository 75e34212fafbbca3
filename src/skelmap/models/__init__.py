"""Models of normal work; what they describe badly is abnormal."""

from skelmap.models.ae import AE
from skelmap.models.autoencoder import Autoencoder, Reconstruction
from skelmap.models.baselines import GMM, KNN, PCA, Baseline, MeanMap
from skelmap.models.lstm_vae import LSTMVAE
from skelmap.models.model import Model, WindowScores
from skelmap.models.neighbours import Neighbours
from skelmap.models.on_views import OnViews
from skelmap.models.residuals import Residuals
from skelmap.models.vae import VAE

__all__ = [
    "AE",
    "GMM",
    "KNN",
    "LSTMVAE",
    "PCA",
    "VAE",
    "Autoencoder",
    "Baseline",
    "MeanMap",
    "Model",
    "Neighbours",
    "OnViews",
    "Reconstruction",
    "Residuals",
    "WindowScores",
]
